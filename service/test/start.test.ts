import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { temporaryFolder } from './a-service.ts'
import { aStartedService, isRunning, launched } from './a-started-service.ts'
import { password } from './requests.ts'

test('started, it says where it answers and what to try next, and keeps its secret to itself; settings come from .env too', async (t) => {
  const dataDir = temporaryFolder(t)
  // The environment, which has a PORT, wins.
  writeFileSync(join(dataDir, '.env'), 'ACCESS_TOKEN_EXPIRE_MINUTES=5\nPORT=nonsense\n')
  const service = await aStartedService(t, dataDir)

  const lines = service
    .output()
    .split('\n')
    .filter((line) => !line.startsWith('{') && !line.startsWith('[worker]'))
  const ready = await service.request('GET', '/readyz')
  await service.signIn()
  const json = { username: 'ann@example.com', password }
  const signedIn = await service.request('POST', '/token', { json })

  assert.match(lines[0]!, /^ready http:\/\/127\.0\.0\.1:\d+$/)
  assert.match(lines[1]!, /^ {2}curl .*\/register/)
  assert.match(lines[2]!, /^ {2}curl .*\/token/)
  assert.equal(ready.status, 200, await ready.text())
  assert.equal(((await signedIn.json()) as { expires_in: number }).expires_in, 300)
  assert.equal(statSync(join(dataDir, 'secret.key')).mode & 0o777, 0o600)
})

test('an e-mail and a file go the whole way, and a token outlives a restart', async (t) => {
  const dataDir = temporaryFolder(t)
  const first = await aStartedService(t, dataDir)
  const token = await first.signIn()
  const json = { to_email: 'bob@example.com', subject: 'Hello', body: 'It works' }
  const email = (await (await first.request('POST', '/tasks/email/send', { token, json })).json()) as {
    task_id: string
  }
  await (await first.request('GET', `/tasks/${email.task_id}/events`, { token })).text()
  const mail = (await (await first.request('GET', '/mailbox/messages?to=bob@example.com')).json()) as {
    subject: string
  }[]
  assert.equal(await first.end('SIGTERM'), 0)

  const second = await aStartedService(t, dataDir)
  const task = (await (await second.request('GET', `/tasks/${email.task_id}`, { token })).json()) as { status: string }

  assert.deepEqual([mail.length, mail[0]!.subject, task.status], [1, 'Hello', 'completed'])
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} stops it gracefully and leaves nothing running`, async (t) => {
    const service = await aStartedService(t, temporaryFolder(t))
    const token = await service.signIn()
    const children = service.children()
    // An open stream must not hold it up.
    const json = { data_source: 'users', processing_type: 'clean' }
    const { task_id } = (await (await service.request('POST', '/tasks/data/process', { token, json })).json()) as {
      task_id: string
    }
    await service.request('GET', `/tasks/${task_id}/events`, { token })

    const startedAt = performance.now()
    const code = await service.end(signal)

    assert.equal(code, 0, service.output())
    assert.ok(performance.now() - startedAt < 9_000)
    assert.equal(children.length, 1)
    assert.ok(children.every((pid) => !isRunning(pid)))
  })
}

/** Starts what cannot be started; gives the exit code and what was said. */
async function refusedStart(t: TestContext, variables: Record<string, string>, dataDir = temporaryFolder(t)) {
  const { exited, output } = launched(t, dataDir, variables)

  return { code: await exited, said: () => output() }
}

test('a port that is taken is said in one line', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.after(() => other.close())
  const { port } = other.address() as AddressInfo

  const { code, said } = await refusedStart(t, { PORT: String(port) })

  assert.equal(code, 1)
  assert.match(said(), new RegExp(`^PORT: ${port} on 127\\.0\\.0\\.1 is in use[^\\n]*\\n$`))
})

test('a folder that cannot be written is said in one line', async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'file'), '')

  const { code, said } = await refusedStart(t, { DATA_DIR: join(folder, 'file', 'data') }, folder)

  assert.equal(code, 1)
  assert.match(said(), /^DATA_DIR: cannot write in [^\n]*\n$/)
})

test(
  'a folder that the system does not let anyone make is said in one line',
  { skip: process.platform === 'linux' ? false : 'there is no /proc here', timeout: 20_000 },
  async (t) => {
    const { code, said } = await refusedStart(t, { DATA_DIR: '/proc/errand/data' })

    assert.equal(code, 1)
    assert.match(said(), /^DATA_DIR: cannot write in [^\n]*\n$/)
  },
)

test('a second service on one folder is refused in one line, and a folder left by a dead one is taken', async (t) => {
  const dataDir = temporaryFolder(t)
  const first = await aStartedService(t, dataDir)
  const worker = readFileSync(join(dataDir, 'worker.pid'), 'utf8')

  const second = await refusedStart(t, {}, dataDir)
  const pidAfter = readFileSync(join(dataDir, 'worker.pid'), 'utf8')
  await first.end('SIGKILL')
  const third = await aStartedService(t, dataDir)
  await third.end('SIGTERM')

  assert.equal(second.code, 1)
  assert.match(second.said(), new RegExp(`^Another service \\(pid ${first.process.pid}\\) uses DATA_DIR [^\\n]*\\n$`))
  assert.equal(pidAfter, worker)
  assert.deepEqual(
    readdirSync(dataDir).filter((name) => name.endsWith('.pid') || name.includes('journal')),
    [],
  )
})

test('settings that cannot be used are each refused in one line', async (t) => {
  const { code, said } = await refusedStart(t, {
    PORT: 'eighty',
    SECRET_KEY: 'your-secret-key',
    BASE_URL: 'example.com',
  })

  assert.equal(code, 1)
  assert.match(said(), /^PORT: [^\n]+\nBASE_URL: [^\n]+\nSECRET_KEY: [^\n]+\n$/)
})

for (const [name, value] of [
  ['STORE_URL', 'nosuch://x'],
  ['STORE_URL', 'memory:'],
] as const) {
  test(`${name}=${value} is refused in one line`, async (t) => {
    const { code, said } = await refusedStart(t, { [name]: value })

    assert.equal(code, 1)
    assert.match(said(), /^[^\n]+\n$/)
    assert.ok(said().includes(value === 'nosuch://x' ? 'names no store' : name))
  })
}
