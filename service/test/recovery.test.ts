import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aService, eventually } from './a-service.ts'

const email = { to: 'bob@example.com', subject: 'x', body: 'y', priority: 'normal', userId: 1 }

test('a wish that a crash left in the outbox is enqueued, and only once', async (t) => {
  const service = await aService(t, { worker: false })
  await service.signIn()
  const id = '01a1fb85-69fc-7003-8ed3-9cd1fd8feee2'
  await service.records.add({ userId: 1, type: 'email', metadata: {}, job: { id, task: 'email.send', input: email } })
  assert.ok(await service.records.isWanted(id))

  await service.outbox.sweep(0)

  assert.equal(await service.errand.job(id).state(), 'ready')
  assert.equal(await service.records.isWanted(id), false)
})

test('a crash after the enqueueing and before striking out the wish makes no second job', async (t) => {
  const service = await aService(t, { worker: false })
  await service.signIn()
  const id = '01a1fb85-69fc-7003-8ed3-9cd1fd8feee2'
  await service.errand.enqueue('email.send', email, { id })
  await service.records.add({ userId: 1, type: 'email', metadata: {}, job: { id, task: 'email.send', input: email } })

  await service.outbox.sweep(0)

  const { jobs } = await service.errand.jobs({ task: 'email.send' })
  assert.equal(jobs.length, 1)
  assert.equal(await service.records.isWanted(id), false)
})

test('a wish that the store refuses for good ends its record as failed', async (t) => {
  const service = await aService(t, { worker: false })
  await service.signIn()
  const id = '01a1fb85-69fc-7003-8ed3-9cd1fd8feee2'
  await service.records.add({
    userId: 1,
    type: 'email',
    metadata: {},
    job: { id, task: 'email.send', input: { nothing: true } },
  })

  await service.outbox.sweep(0)

  assert.equal((await service.records.row(id))?.status, 'failed')
})

test('a record whose job was removed behind its back ends as failed', async (t) => {
  const service = await aService(t, { worker: false })
  await service.signIn()
  const id = '01a1fb85-69fc-7003-8ed3-9cd1fd8feee2'
  await service.records.add({ userId: 1, type: 'email', metadata: {}, job: { id, task: 'email.send', input: email } })
  await service.outbox.sweep(0)
  await service.errand.job(id).remove()

  const row = await eventually(async () => {
    const found = await service.records.row(id)
    return found?.status === 'failed' ? found : undefined
  })

  assert.equal(row.error, 'The outcome of this task is no longer known.')
})
