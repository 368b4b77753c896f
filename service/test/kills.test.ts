import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually, temporaryFolder } from './a-service.ts'
import { aStartedService, isRunning, shortLease } from './a-started-service.ts'
import { anSmtpServer } from './an-smtp-server.ts'

test('the worker ends when it is told to, and when the process above it is killed', async (t) => {
  const service = await aStartedService(t, temporaryFolder(t))
  const [first] = service.children()
  process.kill(first!, 'SIGTERM')
  await eventually(async () => (isRunning(first!) ? undefined : true))
  const worker = await eventually(async () => service.children()[0])

  await service.end('SIGKILL')

  await eventually(async () => (isRunning(worker) ? undefined : true))
})

test('a worker that is killed at work is started again, and nothing is lost', { timeout: 60_000 }, async (t) => {
  const server = await anSmtpServer(t)
  const { port } = server.settings
  const service = await aStartedService(t, temporaryFolder(t), {
    ...shortLease,
    SMTP_SERVER: '127.0.0.1',
    SMTP_PORT: String(port),
  })
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
    const variables = { ...shortLease, SMTP_SERVER: '127.0.0.1', SMTP_PORT: String(server.settings.port) }
    const first = await aStartedService(t, dataDir, variables)
    const token = await first.signIn()
    const acknowledged: string[] = []
    const flood = Array.from({ length: 4 }, async (_, line) => {
      for (let number = 0; number < 500; number += 1) {
        const json = { to_email: `user${line}-${number}@example.com`, subject: 'x', body: 'x' }
        const answer = await first
          .request('POST', '/tasks/email/send', { token, json })
          .then(async (response) => ({ status: response.status, body: (await response.json()) as { task_id: string } }))
          .catch(() => undefined)
        // No whole answer: nothing was acknowledged.
        if (!answer) return
        if (answer.status === 201) acknowledged.push(answer.body.task_id)
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
