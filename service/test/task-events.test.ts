import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aService, eventually, finished, type TestService } from './a-service.ts'

const json = { to_email: 'bob@example.com', subject: 'Test Email', body: 'This is the text of the message' }

async function send(service: TestService, token: string): Promise<{ task_id: string }> {
  const response = await service.request('POST', '/tasks/email/send', { token, json })

  return (await response.json()) as { task_id: string }
}

test('the event stream begins with a snapshot and ends when the task does', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()
  const { task_id } = await send(service, token)
  const response = await service.request('GET', `/tasks/${task_id}/events`, { token })
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()

  const first = (await reader.read()).value!
  await service.startWorker()
  let rest = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) break
    rest += value
  }

  assert.equal(response.headers.get('Content-Type'), 'text/event-stream')
  assert.match(first, /^event: snapshot\ndata: .*"status":"pending".*\nid: 1\n\n$/)
  assert.match(rest, /event: end\ndata: .*"status":"completed".*\nid: end\n\n$/)
})

test('who has seen the end and comes back is told that there is no more', async (t) => {
  const service = await aService(t)
  const token = await service.signIn()
  const { task_id } = await send(service, token)
  await finished(service, token, task_id)
  const events = (headers: Record<string, string>) =>
    service.request('GET', `/tasks/${task_id}/events`, { token, headers })

  const snapshotAndEnd =
    /^event: snapshot\ndata: .*"status":"completed".*\nid: 1\n\nevent: end\ndata: .*"status":"completed".*\nid: end\n\n$/
  assert.match(await (await events({})).text(), snapshotAndEnd)
  assert.equal((await events({ 'Last-Event-ID': 'end' })).status, 204)
})

test('an account holds open at most 20 streams', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()
  const { task_id } = await send(service, token)
  const open = () => service.request('GET', `/tasks/${task_id}/events`, { token })
  const streams = []
  for (let time = 0; time < 20; time += 1) {
    const response = await open()
    const reader = response.body!.getReader()
    await reader.read()
    streams.push(reader)
  }

  assert.equal((await open()).status, 429)

  await streams[0]!.cancel()
  await eventually(async () => ((await open()).status === 200 ? true : undefined))
})

test('an event stream ends soon after its session does', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()
  const { task_id } = await send(service, token)
  const stream = await service.request('GET', `/tasks/${task_id}/events`, { token })
  await service.request('POST', '/logout', { token })

  const startedAt = performance.now()
  await stream.text()

  assert.ok(performance.now() - startedAt < 4_000)
})
