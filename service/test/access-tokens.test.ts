import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { AccessTokens } from '../auth/access-tokens.ts'
import { deriveKeys } from '../auth/keys.ts'
import { secretKey } from './a-service.ts'

const noon = Date.UTC(2026, 10, 21, 12)
const key = deriveKeys(secretKey).access
const seconds = noon / 1000

const header = { alg: 'HS256', typ: 'at+jwt' }
const claims = {
  sid: 's',
  sub: '1',
  iss: 'errand-service',
  aud: 'errand-service',
  jti: 'j',
  iat: seconds,
  nbf: seconds,
  exp: seconds + 1800,
}

const encoded = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
function forged(
  head: unknown,
  body: unknown,
  signWith: string | Uint8Array | null = key,
  algorithm = 'sha256',
): string {
  const signed = `${encoded(head)}.${encoded(body)}`

  return `${signed}.${signWith === null ? '' : createHmac(algorithm, signWith).update(signed).digest('base64url')}`
}
const without = (claim: string) => Object.fromEntries(Object.entries(claims).filter(([name]) => name !== claim))
const tokens = (now = noon) => new AccessTokens(key, 30, () => now)

test('a token of ours is taken until its last second, and no longer', async () => {
  const token = await tokens().sign({ userId: 7, sessionId: 's' })

  assert.deepEqual(await tokens().verify(token), { userId: 7, sessionId: 's' })
  assert.ok(await tokens(noon + 1_799_000).verify(token))
  assert.equal(await tokens(noon + 1_801_000).verify(token), undefined)
  assert.equal(await tokens(noon - 5_000).verify(token), undefined)
})

test('a token made by hand in our manner is taken: the forgeries below differ in one thing each', async () => {
  assert.ok(await tokens().verify(forged(header, claims)))
})

const headers: unknown[] = [
  ...[
    'none',
    'None',
    'NONE',
    'nOnE',
    '',
    'HS384',
    'HS512',
    'RS256',
    'ES256',
    'PS256',
    'EdDSA',
    'hs256',
    'HS256 ',
    'dir',
    1,
    null,
    ['HS256'],
    {},
  ].map((alg) => ({ ...header, alg })),
  ...['JWT', 'jwt', 'at', 'at+JWTx', 'application/jwt', '', null, 1].map((typ) => ({ ...header, typ })),
  { alg: 'HS256' },
  { ...header, crit: ['x'] },
  { ...header, crit: ['exp'], exp: 1 },
  { ...header, b64: false, crit: ['b64'] },
  '{"alg":"HS256","typ":"at+jwt"',
  '[]',
  'null',
  '',
]
const bodies: unknown[] = [
  ...Object.keys(claims).map(without),
  ...['1', 1.5e99, -1, 0, null, [], {}, seconds - 1, '9999999999'].map((exp) => ({ ...claims, exp })),
  ...[seconds + 3600, 'x', null].map((nbf) => ({ ...claims, nbf })),
  ...[seconds + 3600, seconds - 86_400, null, 'x'].map((iat) => ({ ...claims, iat })),
  ...['other', '', null, ['errand-service'], ['other', 'errand-service'], {}].map((aud) => ({ ...claims, aud })),
  ...['other', '', null, ['errand-service'], 'errand-service '].map((iss) => ({ ...claims, iss })),
  ...['', '0', '-1', '1e3', '01', 'admin', '1 or 1=1', '9'.repeat(20), 1, null, ['1'], {}].map((sub) => ({
    ...claims,
    sub,
  })),
  ...['', null, 1, ['s'], {}].slice(1).map((sid) => ({ ...claims, sid })),
  '{',
  '[]',
  'null',
  '"text"',
]
const signatures: string[] = [
  forged(header, claims, 'another key of the same length 32'),
  forged(header, claims, ''),
  forged(header, claims, secretKey),
  forged(header, claims, Buffer.from(key).toString('base64')),
  forged(header, claims, key, 'sha512'),
  forged({ ...header, alg: 'none' }, claims, null),
  `${encoded(header)}.${encoded(claims)}.`,
  `${encoded(header)}.${encoded(claims)}`,
  `${encoded(header)}.${encoded(claims)}.AAAA`,
  `${forged(header, claims)}.x`,
  `${forged(header, claims)}=`,
  ` ${forged(header, claims)}`,
  forged(header, { ...claims, padding: 'x'.repeat(3_000) }),
  forged({ ...header, jwk: { kty: 'oct', k: Buffer.from('mine').toString('base64url') } }, claims, 'mine'),
  forged({ ...header, jku: 'http://127.0.0.1/keys' }, claims, 'mine'),
  forged({ ...header, x5u: 'http://127.0.0.1/cert' }, claims, 'mine'),
  forged({ ...header, kid: '../../../../dev/null' }, claims, ''),
  forged({ ...header, kid: "' union select 'mine' --" }, claims, 'mine'),
  '..',
  '.',
  '',
  'x',
]

test('every forged token is refused', async () => {
  const all = [
    ...headers.map((head) => forged(head, claims)),
    ...bodies.map((body) => forged(header, body)),
    ...signatures,
  ]
  assert.ok(all.length > 60)

  for (const token of all)
    assert.equal(await tokens().verify(token), undefined, `taken: ${Buffer.from(token, 'base64url').toString()}`)
})
