import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { resetMs } from '../auth/resets.ts'
import { aService, eventually, type TestService } from './a-service.ts'
import { password } from './requests.ts'

const ann = 'ann@example.com'
const answerOf = async (response: Response) => ({
  status: response.status,
  body: (await response.json()) as Record<string, any>,
})

async function logIn(service: TestService, email = ann, secret = password) {
  return answerOf(await service.request('POST', '/token', { json: { username: email, password: secret } }))
}

async function mailTo(service: TestService, to: string, subject: RegExp) {
  return eventually(async () =>
    (await service.mailbox!.messages()).find((each) => each.to.includes(to) && subject.test(each.subject)),
  )
}

async function resetToken(service: TestService): Promise<string> {
  await service.request('POST', '/password/forgot', { json: { email: ann } })
  const { text } = await mailTo(service, ann, /^Password Reset Request$/)

  return /token=([\w-]+)/.exec(text)![1]!
}

test('who registers can sign in at once, by form and by JSON, and is welcomed by e-mail', async (t) => {
  const service = await aService(t)

  const registered = await answerOf(
    await service.request('POST', '/register', { json: { email: ann, password, name: 'Ann' } }),
  )
  const form = await service.app.request('/token', {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', Authorization: 'Basic Og==' },
    body: new URLSearchParams({ grant_type: 'password', username: 'Ann@Example.com', password }).toString(),
  })
  const { access_token, token_type, expires_in } = (await form.json()) as Record<string, any>
  const me = await answerOf(await service.request('GET', '/users/me/', { token: access_token }))

  assert.deepEqual([registered.status, token_type, expires_in], [201, 'bearer', 1800])
  assert.deepEqual([me.body['email'], me.body['name']], [ann, 'Ann'])
  assert.equal((await logIn(service)).status, 200)
  assert.equal((await mailTo(service, ann, /./)).subject, 'Welcome to our platform, Ann!')
})

test('registering an address again changes nothing, answers the same, and tells its owner', async (t) => {
  const service = await aService(t)
  const register = async (email: string) =>
    answerOf(await service.request('POST', '/register', { json: { email, password: `other ${password}`, name: 'X' } }))
  await service.signIn(ann)

  const again = await register(ann)
  const fresh = await register('new@example.com')

  assert.deepEqual({ ...again.body, email: 0 }, { ...fresh.body, email: 0 })
  assert.equal(again.status, fresh.status)
  assert.equal((await logIn(service)).status, 200)
  assert.equal((await logIn(service, ann, `other ${password}`)).status, 401)
  assert.ok(await mailTo(service, ann, /^You already have an account$/))
})

test('a wrong password and an unknown address get the same answer', async (t) => {
  const service = await aService(t)
  await service.signIn(ann)

  const wrong = await logIn(service, ann, 'not the password')
  const unknown = await logIn(service, 'nobody@example.com')

  assert.equal(wrong.status, 401)
  assert.deepEqual({ ...wrong.body, requestId: 0 }, { ...unknown.body, requestId: 0 })
})

test('an unknown address takes as long as a wrong password', async (t) => {
  const service = await aService(t, {
    worker: false,
    limits: { hashes: { burst: 1e6, refillMs: 1 }, logInsByAddress: { burst: 1e6, refillMs: 1 } },
  })
  await service.signIn(ann)
  const times: Record<'known' | 'unknown', number[]> = { known: [], unknown: [] }
  const timed = async (kind: 'known' | 'unknown', email: string) => {
    const before = process.cpuUsage()
    assert.equal((await logIn(service, email, 'not the password')).status, 401)
    const { user, system } = process.cpuUsage(before)
    times[kind].push(user + system)
  }

  await timed('unknown', 'first@example.com')
  times.unknown.length = 0
  for (let round = 0; round < 10; round += 1) {
    await timed('known', ann)
    await timed('unknown', `nobody${round}@example.com`)
  }

  // Processor time of this process, hashing threads and all, and the least of each: a busy machine is not in it.
  const ratio = Math.min(...times.known) / Math.min(...times.unknown)
  assert.ok(ratio > 0.6 && ratio < 1.7, `known accounts took ${ratio} times as long`)
})

test('a refresh token works once; its second use ends the session', async (t) => {
  const service = await aService(t)
  await service.signIn(ann)
  const { body: first } = await logIn(service)
  const refresh = async (refresh_token: string) =>
    answerOf(await service.request('POST', '/token/refresh', { json: { refresh_token } }))
  const isIn = async (token: string) => (await service.request('GET', '/users/me', { token })).status === 200

  const second = await refresh(first['refresh_token'])
  assert.ok(await isIn(second.body['access_token']))
  const stolen = await refresh(first['refresh_token'])

  assert.deepEqual([second.status, stolen.status], [200, 401])
  assert.equal((await refresh(second.body['refresh_token'])).status, 401)
  assert.equal(await isIn(second.body['access_token']), false)
  assert.equal(await isIn(first['access_token']), false)
})

test('of two refreshes at once one wins, and the session ends', async (t) => {
  const service = await aService(t)
  await service.signIn(ann)
  const { body } = await logIn(service)
  const refresh = () => service.request('POST', '/token/refresh', { json: { refresh_token: body['refresh_token'] } })

  const statuses = (await Promise.all([refresh(), refresh()])).map(({ status }) => status)

  assert.deepEqual(
    statuses.toSorted((a, b) => a - b),
    [200, 401],
  )
})

test('signing out ends the session at once', async (t) => {
  const service = await aService(t)
  const token = await service.signIn(ann)

  assert.equal((await service.request('POST', '/logout', { token })).status, 204)

  assert.equal((await service.request('GET', '/users/me', { token })).status, 401)
})

test('the link of the e-mail sets a new password once, and ends every session', async (t) => {
  const service = await aService(t)
  const token = await service.signIn(ann)
  const reset = await resetToken(service)
  const use = () =>
    service.request('POST', '/password/reset', { json: { token: reset, new_password: 'another fine password' } })

  assert.equal((await use()).status, 200)

  assert.equal((await use()).status, 422)
  assert.equal((await service.request('GET', '/users/me', { token })).status, 401)
  assert.equal((await logIn(service)).status, 401)
  assert.equal((await logIn(service, ann, 'another fine password')).status, 200)
  assert.match((await mailTo(service, ann, /^Security Alert/)).text, /your password was changed/)
})

test('the page behind the link sets the password too', async (t) => {
  const service = await aService(t)
  await service.signIn(ann)
  const token = await resetToken(service)

  const page = await (await service.request('GET', `/password/reset?token=${token}"><script>`)).text()
  const response = await service.app.request('/password/reset', {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ token, new_password: 'another fine password' }).toString(),
  })

  assert.ok(page.includes(token) && !page.includes('<script>'))
  assert.equal(response.status, 200)
})

test('a reset link ends after an hour', async (t) => {
  let now = Date.now()
  const service = await aService(t, { now: () => now })
  await service.signIn(ann)
  const token = await resetToken(service)

  now += resetMs + 1
  const late = await service.request('POST', '/password/reset', {
    json: { token, new_password: 'another fine password' },
  })

  assert.equal(late.status, 422)
})

test('a reset link leads to the configured address, whatever the Host header says', async (t) => {
  const service = await aService(t)
  await service.signIn(ann)
  await service.request('POST', '/password/forgot', {
    json: { email: ann },
    headers: { Host: 'evil.example', 'X-Forwarded-Host': 'evil.example' },
  })

  const { text } = await mailTo(service, ann, /^Password Reset/)

  assert.match(text, /http:\/\/127\.0\.0\.1:8000\/password\/reset\?token=[\w-]{43}/)
  assert.ok(!text.includes('evil'))
})

test('asking for a reset of an unknown address answers the same and sends nothing', async (t) => {
  const service = await aService(t)
  await service.signIn(ann)
  const ask = async (email: string) => answerOf(await service.request('POST', '/password/forgot', { json: { email } }))

  const unknown = await ask('nobody@example.com')
  const known = await ask(ann)
  await mailTo(service, ann, /^Password Reset/)

  assert.deepEqual(unknown, known)
  assert.ok((await service.mailbox!.messages()).every(({ to }) => !to.includes('nobody@example.com')))
})

test('no reset token stands in the database, in a job, in the sent log or in the log', async (t) => {
  const service = await aService(t)
  await service.signIn(ann)

  const token = await resetToken(service)

  const logged = await eventually(async () =>
    (await service.database.selectFrom('sent_emails').selectAll().execute()).find(({ subject }) =>
      subject.startsWith('Password'),
    ),
  )
  const { jobs } = await service.errand.jobs({ limit: 100, reveal: true })
  const tables = ['users', 'password_resets', 'outbox', 'sent_emails', 'tasks'] as const
  const rows = await Promise.all(tables.map((table) => service.database.selectFrom(table).selectAll().execute()))
  for (const text of [JSON.stringify(jobs), JSON.stringify(rows), service.logged()]) assert.ok(!text.includes(token))
  assert.equal(logged.excerpt, null)
})

test('guessing is slowed down per account, and the right password does not count', async (t) => {
  const service = await aService(t, { worker: false, limits: { logInsByPair: { burst: 3, refillMs: 60_000 } } })
  await service.signIn(ann)
  for (let time = 0; time < 5; time += 1) assert.equal((await logIn(service)).status, 200)

  const guesses = []
  for (let time = 0; time < 4; time += 1)
    guesses.push(await service.request('POST', '/token', { json: { username: ann, password: `guess ${time}` } }))

  assert.deepEqual(
    guesses.map(({ status }) => status),
    [401, 401, 401, 429],
  )
  assert.ok(Number(guesses[3]!.headers.get('Retry-After')) > 1)
  assert.equal((await logIn(service, 'bob@example.com')).status, 401)
})

test('a flood of log-ins is refused without hashing', async (t) => {
  const service = await aService(t, { worker: false, limits: { hashes: { burst: 3, refillMs: 1e6 } } })
  const statuses: number[] = []

  for (let time = 0; time < 20; time += 1) statuses.push((await logIn(service, `user${time}@example.com`)).status)

  assert.deepEqual(statuses.filter((status) => status === 401).length, 3)
  assert.deepEqual(statuses.filter((status) => status === 429).length, 17)
})

test("nobody can fill a stranger's letter box", async (t) => {
  const service = await aService(t, { worker: false, limits: { unasked: { burst: 2, refillMs: 60_000 } } })
  const statuses: number[] = []
  for (const path of ['/register', '/password/forgot', '/register', '/password/forgot']) {
    const json = path === '/register' ? { email: ann, password } : { email: ann.toUpperCase() }
    statuses.push((await service.request('POST', path, { json })).status)
  }

  assert.deepEqual(statuses, [201, 202, 429, 429])
})

async function refusal(t: TestContext, json: object) {
  const service = await aService(t, { worker: false })
  const { status, body } = await answerOf(await service.request('POST', '/register', { json }))
  assert.equal(status, 422)

  return (body['errors'] as { pointer: string }[]).map(({ pointer }) => pointer)
}

test("registering refuses fields that are wrong, missing or the service's own", async (t) => {
  assert.deepEqual(await refusal(t, {}), ['/email', '/password'])
  assert.deepEqual(await refusal(t, { email: 'x', password: 'short' }), ['/email', '/password'])
  assert.deepEqual(await refusal(t, { email: ann, password: 'x'.repeat(129) }), ['/password'])
  assert.deepEqual(await refusal(t, { email: ann, password: 'Password1' }), ['/password'])
  assert.deepEqual(await refusal(t, { email: ann, password, name: 'half \ud83d' }), ['/name'])
  assert.deepEqual(await refusal(t, { email: ann, password, name: 'a\r\nBcc: x@example.com' }), ['/name'])
  assert.deepEqual(await refusal(t, { email: ann, password, active: 1, id: 1, password_hash: 'x' }), [
    '/active',
    '/id',
    '/password_hash',
  ])
})
