import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aService, type TestService } from './a-service.ts'

const email = { to_email: 'bob@example.com', subject: 'Test', body: 'Text', priority: 'normal' }

function send(service: TestService, token: string, key: string, json: object = email, path = '/tasks/email/send') {
  return service.request('POST', path, { token, json, headers: { 'Idempotency-Key': key } })
}

const taskId = async (response: Response) => ((await response.json()) as { task_id: string }).task_id

test('the same key with the same request gives the first answer, and one task', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()

  const first = await send(service, token, 'key-1')
  const second = await send(service, token, 'key-1')

  assert.deepEqual([first.status, second.status], [201, 201])
  assert.equal(second.headers.get('Location'), first.headers.get('Location'))
  assert.equal(second.headers.get('Idempotency-Replayed'), 'true')
  assert.equal(await second.text(), await first.text())
  assert.equal((await service.errand.jobs({ task: 'email.send' })).jobs.length, 1)
})

test('the same key with another request is refused', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()
  await send(service, token, 'key-1')

  assert.equal((await send(service, token, 'key-1', { ...email, subject: 'Other' })).status, 422)
  const other = { data_source: 'users', processing_type: 'clean' }
  assert.equal((await send(service, token, 'key-1', other, '/tasks/data/process')).status, 422)
})

test('of many equal requests at once one makes the task, and the others get its answer or are told to wait', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()

  const answers = await Promise.all(Array.from({ length: 20 }, () => send(service, token, 'key-1')))

  const made = answers.filter(({ status }) => status === 201)
  assert.ok(answers.every(({ status }) => status === 201 || status === 409))
  assert.equal(new Set(await Promise.all(made.map(taskId))).size, 1)
  assert.equal((await service.errand.jobs({ task: 'email.send' })).jobs.length, 1)
})

test('a key belongs to its account', async (t) => {
  const service = await aService(t, { worker: false })
  const ann = await service.signIn('ann@example.com')
  const eve = await service.signIn('eve@example.com')

  const first = await taskId(await send(service, ann, 'key-1'))

  assert.notEqual(await taskId(await send(service, eve, 'key-1')), first)
})

test('a request that was refused leaves its key free', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()

  assert.equal((await send(service, token, 'key-1', { ...email, to_email: 'x' })).status, 422)

  assert.equal((await send(service, token, 'key-1')).status, 201)
})

test('a key is kept for 24 hours', async (t) => {
  let now = Date.now()
  const service = await aService(t, { worker: false, now: () => now })
  const token = await service.signIn()
  const first = await taskId(await send(service, token, 'key-1'))

  now += 23 * 3_600_000
  const renewed = await service.signIn()
  assert.equal(await taskId(await send(service, renewed, 'key-1')), first)
  now += 2 * 3_600_000
  assert.notEqual(await taskId(await send(service, await service.signIn(), 'key-1')), first)
})

test('a request that a crash cut short is carried out by its repetition, under the same id', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()
  const first = await taskId(await send(service, token, 'key-1'))
  // As the row stands when the process died before the answer was kept.
  await service.database
    .updateTable('idempotency')
    .set({ status: null, headers: null, body: null, process: 'an earlier one' })
    .execute()

  const again = await send(service, token, 'key-1')

  assert.equal(again.status, 201)
  assert.equal(await taskId(again), first)
  assert.equal((await service.errand.jobs({ task: 'email.send' })).jobs.length, 1)
})

test('while a request is being answered, its repetition is told to wait', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()
  await send(service, token, 'key-1')
  await service.database.updateTable('idempotency').set({ status: null }).execute()

  const answer = await send(service, token, 'key-1')

  assert.equal(answer.status, 409)
  assert.ok(answer.headers.get('Retry-After'))
})

test('a key that is no key is refused', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()

  for (const key of ['', 'with space', 'x'.repeat(201), 'ü'])
    assert.equal((await send(service, token, encodeURI(key) === key ? key : 'ä b')).status, 422, key)
})
