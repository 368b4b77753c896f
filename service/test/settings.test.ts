import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { keptSecretKey, secretKeyFault } from '../secret-key.ts'
import { readSettings } from '../settings.ts'
import { secretKey, temporaryFolder } from './a-service.ts'

const known = [
  'secret',
  'your-secret-key',
  'your-256-bit-secret',
  'your_secret_key_here_make_it_long_enough',
  'a-string-secret-at-least-256-bits-long',
  '09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7',
  'django-insecure-abc0defghijklmnopqrstuvwxyz0123',
  'changeme-changeme-changeme-changeme-123',
  'super-secret-key-that-nobody-will-ever-guess',
  'this-is-a-secret-key-for-jwt-signing-2024',
  'keyboard cat keyboard cat keyboard cat 1',
  '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
  'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  '9f8e7d6c5b4a39281706f5e4d3c2b1a0',
  '',
]

test('a key that is short, guessable or known from a tutorial is refused', () => {
  for (const key of known) assert.ok(secretKeyFault(key), `"${key}" was taken`)

  assert.equal(secretKeyFault(secretKey), undefined)
  assert.equal(secretKeyFault('Vz3kq+9TtJc0b7Y1m/HxEwRr5uQ2sLd8GnAoPiXf4Ck='), undefined)
})

test('a refused key is not repeated in the message', () => {
  assert.throws(
    () => readSettings({ SECRET_KEY: 'your-secret-key-of-mine' }),
    (error: Error) => error.message.startsWith('SECRET_KEY: is a sample') && !error.message.includes('of-mine'),
  )
})

test('a missing key is made once, and only its owner may read it', (t) => {
  const folder = temporaryFolder(t)

  const first = keptSecretKey(folder)

  assert.equal(keptSecretKey(folder), first)
  assert.equal(secretKeyFault(first), undefined)
  assert.equal(statSync(join(folder, 'secret.key')).mode & 0o777, 0o600)
})

test('without settings, the service is for this machine and keeps all in ./data', () => {
  const settings = readSettings({})

  assert.deepEqual(
    [settings.host, settings.port, settings.accessTokenMinutes, settings.fromEmail, settings.workerLeaseSeconds],
    ['127.0.0.1', 8000, 30, 'noreply@example.com', 8],
  )
  assert.ok(settings.dataDir.endsWith('/data'))
  assert.equal(settings.storeUrl, `sqlite:${join(settings.dataDir, 'errand.db')}`)
  assert.equal(settings.smtp, undefined)
})

test('an SMTP server is spoken to on port 587 unless another is set', () => {
  assert.equal(readSettings({ SMTP_SERVER: 'mail.example.com' }).smtp?.port, 587)
  assert.equal(readSettings({ SMTP_SERVER: 'mail.example.com', SMTP_PORT: '2525' }).smtp?.port, 2525)
})

test('every bad setting is named, in a line of its own', () => {
  const bad = { PORT: '80x', FROM_EMAIL: 'nobody', BASE_URL: 'ftp://x', ACCESS_TOKEN_EXPIRE_MINUTES: '0' }

  assert.throws(
    () => readSettings(bad),
    (error: Error) => {
      const lines = error.message.split('\n')
      assert.deepEqual(lines.map((line) => line.split(':')[0]!).toSorted(), Object.keys(bad).toSorted())
      return true
    },
  )
})

test('a user name for the mail server goes with a password', () => {
  for (const [given, missing] of [
    ['SMTP_USERNAME', 'SMTP_PASSWORD'],
    ['SMTP_PASSWORD', 'SMTP_USERNAME'],
  ] as const) {
    assert.throws(() => readSettings({ SMTP_SERVER: 'mail.example.com', [given]: 'x' }), {
      name: 'SettingsError',
      message: `${missing}: is missing, but ${given} is set. Set both or neither.`,
    })
  }
})

test('an empty setting means the same as none', () => {
  assert.equal(readSettings({ PORT: '', SMTP_SERVER: '' }).port, 8000)
})
