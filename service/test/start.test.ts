import assert from 'node:assert/strict'
import { once } from 'node:events'
import { statSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually, temporaryFolder } from './a-service.ts'
import { aStartedService, isRunning, launched } from './a-started-service.ts'
import { anSmtpServer } from './an-smtp-server.ts'

test('started, it says where it answers and what to try next, and keeps its secret to itself', async (t) => {
  const dataDir = temporaryFolder(t)
  const service = await aStartedService(t, dataDir)

  const lines = service
    .output()
    .split('\n')
    .filter((line) => !line.startsWith('{') && !line.startsWith('[worker]'))
  const ready = await service.request('GET', '/readyz')

  assert.match(lines[0]!, /^ready http:\/\/127\.0\.0\.1:\d+$/)
  assert.match(lines[1]!, /^ {2}curl .*\/register/)
  assert.match(lines[2]!, /^ {2}curl .*\/token/)
  assert.equal(ready.status, 200, await ready.text())
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

  const startedAt = performance.now()
  const second = await aStartedService(t, dataDir)
  const restartMs = performance.now() - startedAt
  const task = (await (await second.request('GET', `/tasks/${email.task_id}`, { token })).json()) as { status: string }

  assert.deepEqual([mail.length, mail[0]!.subject, task.status], [1, 'Hello', 'completed'])
  assert.ok(restartMs < 3_000, `ready after ${restartMs} ms`)
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
    assert.ok(performance.now() - startedAt < 5_000)
    assert.equal(children.length, 1)
    assert.ok(children.every((pid) => !isRunning(pid)))
  })
}

test('the worker ends when the process above it is killed', async (t) => {
  const service = await aStartedService(t, temporaryFolder(t))
  const [worker] = service.children()

  await service.end('SIGKILL')

  await eventually(async () => (isRunning(worker!) ? undefined : true))
})

test('a worker that is killed at work is started again, and nothing is lost', { timeout: 60_000 }, async (t) => {
  const server = await anSmtpServer(t)
  const { port } = server.settings
  const service = await aStartedService(t, temporaryFolder(t), { SMTP_SERVER: '127.0.0.1', SMTP_PORT: String(port) })
  const token = await service.signIn()
  const ids: string[] = []
  const [worker] = service.children()
  const send = async (number: number) => {
    const json = { to_email: `user${number}@example.com`, subject: `${number}`, body: 'x' }
    const answer = (await (await service.request('POST', '/tasks/email/send', { token, json })).json()) as {
      task_id: string
    }
    ids.push(answer.task_id)
  }

  for (let number = 0; number < 60; number += 1) await send(number)
  process.kill(worker!, 'SIGKILL')
  for (let number = 60; number < 80; number += 1) await send(number)
  for (const id of ids) await (await service.request('GET', `/tasks/${id}/events`, { token })).text()

  const list = (await (await service.request('GET', '/tasks/?limit=100', { token })).json()) as { status: string }[]
  assert.deepEqual([...new Set(list.map(({ status }) => status))], ['completed'])
  assert.equal(list.length, 80)
  assert.equal(new Set(server.received.flatMap(({ rcptTo }) => rcptTo)).size, 81)
  assert.notEqual(service.children()[0], worker)
})

test(
  'what was acknowledged before the whole service was killed is done after the next start',
  { timeout: 60_000 },
  async (t) => {
    const server = await anSmtpServer(t)
    const dataDir = temporaryFolder(t)
    const variables = { SMTP_SERVER: '127.0.0.1', SMTP_PORT: String(server.settings.port) }
    const first = await aStartedService(t, dataDir, variables)
    const token = await first.signIn()
    const acknowledged: string[] = []
    const flood = Array.from({ length: 4 }, async (_, line) => {
      for (let number = 0; number < 500; number += 1) {
        const json = { to_email: `user${line}-${number}@example.com`, subject: 'x', body: 'x' }
        const response = await first.request('POST', '/tasks/email/send', { token, json }).catch(() => undefined)
        if (!response) return
        if (response.status === 201) acknowledged.push(((await response.json()) as { task_id: string }).task_id)
      }
    })
    await eventually(async () => (acknowledged.length > 40 ? true : undefined), 20_000)
    await first.end('SIGKILL')
    await Promise.all(flood)

    const second = await aStartedService(t, dataDir, variables)
    for (const id of acknowledged) await (await second.request('GET', `/tasks/${id}/events`, { token })).text()

    const statuses = await Promise.all(
      acknowledged.map(
        async (id) =>
          ((await (await second.request('GET', `/tasks/${id}`, { token })).json()) as { status: string }).status,
      ),
    )
    assert.deepEqual([...new Set(statuses)], ['completed'])
  },
)

/** Starts what cannot be started; gives the exit code and what was said. */
async function refusedStart(
  t: Parameters<typeof launched>[0],
  variables: Record<string, string>,
  dataDir = temporaryFolder(t),
) {
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

for (const [name, value] of [
  ['PORT', 'eighty'],
  ['SECRET_KEY', 'your-secret-key'],
  ['BASE_URL', 'example.com'],
  ['STORE_URL', 'nosuch://x'],
] as const) {
  test(`a bad ${name} is said in one line`, async (t) => {
    const { code, said } = await refusedStart(t, { [name]: value })

    assert.equal(code, 1)
    assert.match(said(), /^[^\n]+\n$/)
    assert.ok(said().includes(name === 'STORE_URL' ? 'names no store' : name))
  })
}

test('settings are read from a .env file, and the environment wins', async (t) => {
  const dataDir = temporaryFolder(t)
  writeFileSync(join(dataDir, '.env'), 'ACCESS_TOKEN_EXPIRE_MINUTES=5\nPORT=nonsense\n')

  const service = await aStartedService(t, dataDir)
  await service.signIn()
  const answer = await service.request('POST', '/token', {
    json: { username: 'ann@example.com', password: 'correct horse battery' },
  })

  assert.equal(((await answer.json()) as { expires_in: number }).expires_in, 300)
})
