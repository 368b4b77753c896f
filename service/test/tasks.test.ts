import assert from 'node:assert/strict'
import { test } from 'node:test'
import { percentOf } from '../tasks/task-of-job.ts'
import { aService, eventually, finished, type TestService } from './a-service.ts'

const email = {
  to_email: 'bob@example.com',
  subject: 'Test Email',
  body: 'This is the text of the message',
  priority: 'high',
}
const data = { data_source: 'users', processing_type: 'analyze', output_format: 'json' }

type Answer = Record<string, any>
const json = (response: Response) => response.json() as Promise<Answer>

async function send(service: TestService, token: string, body: object = email): Promise<Answer> {
  const response = await service.request('POST', '/tasks/email/send', { token, json: body })
  assert.equal(response.status, 201)

  return json(response)
}

const read = async (service: TestService, token: string, id: string) =>
  json(await service.request('GET', `/tasks/${id}`, { token }))
const cancel = (service: TestService, token: string, id: string) => service.request('DELETE', `/tasks/${id}`, { token })

test('an e-mail task is answered with its record, and is completed with a result', async (t) => {
  const service = await aService(t)
  const token = await service.signIn()

  const created = await send(service, token)
  const done = await finished(service, token, created['task_id'])

  assert.equal(created['task_type'], 'email')
  assert.deepEqual(created['metadata_'], { to_email: email.to_email, subject: email.subject, priority: 'high' })
  assert.match(created['task_id'], /^[0-9a-f]{8}-[0-9a-f]{4}-7/)
  assert.deepEqual([done['status'], done['progress'], done['error']], ['completed', 100, null])
  assert.deepEqual(
    [done['result'].status, done['result'].recipient, done['result'].priority],
    ['sent', 'bob@example.com', 'high'],
  )
  for (const moment of ['created_at', 'started_at', 'completed_at']) assert.match(done[moment], /^\d{4}-\d\d-\d\dT.*Z$/)
})

test('a data task is completed with the envelope as JSON, and its result can be downloaded', async (t) => {
  const service = await aService(t)
  const token = await service.signIn()

  const created = await json(
    await service.request('POST', '/tasks/data/process', { token, json: { ...data, filters: { active: true } } }),
  )
  const done = await finished(service, token, created['task_id'])
  const file = await service.request('GET', `/tasks/${created['task_id']}/result`, { token })

  assert.equal(done['status'], 'completed')
  assert.deepEqual(
    [done['result'].processing_type, done['result'].output_format, done['result'].records_processed],
    ['analyze', 'json', 1],
  )
  assert.equal(JSON.parse(done['result'].data).total_records, 2)
  assert.equal(await file.text(), done['result'].data)
  assert.match(file.headers.get('Content-Disposition')!, /^attachment; filename="result-[0-9a-f-]+\.json"$/)
})

test('a task that nobody has started is pending, and can be cancelled for good', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()
  const { task_id } = await send(service, token)
  assert.equal((await read(service, token, task_id))['status'], 'pending')

  assert.equal((await cancel(service, token, task_id)).status, 204)

  await service.startWorker()
  const other = await send(service, token)
  await finished(service, token, other['task_id'])
  const cancelled = await read(service, token, task_id)
  assert.deepEqual(
    [cancelled['status'], cancelled['error'], cancelled['started_at']],
    ['cancelled', 'Cancelled by user', null],
  )
  assert.ok((await service.mailbox!.messages()).filter(({ to }) => to.includes('bob@example.com')).length === 1)
})

test('a running task that is cancelled is told to stop, and ends cancelled', async (t) => {
  const started = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const service = await aService(t, {
    send: async ({ to }) => {
      if (to !== email.to_email) return
      started.resolve()
      await release.promise
    },
  })
  const token = await service.signIn()
  const { task_id } = await send(service, token)
  await started.promise

  const answer = await cancel(service, token, task_id)
  release.resolve()
  const done = await finished(service, token, task_id)

  assert.equal(answer.status, 202)
  assert.equal((await json(answer))['status'], 'running')
  assert.deepEqual([done['status'], done['error'], done['result']], ['cancelled', 'Cancelled by user', null])
})

test('a finished task cannot be cancelled and stays as it is', async (t) => {
  const service = await aService(t)
  const token = await service.signIn()
  const { task_id } = await send(service, token)
  const done = await finished(service, token, task_id)

  const answer = await cancel(service, token, task_id)

  assert.equal(answer.status, 404)
  assert.equal((await json(answer))['detail'], 'Task not found or cannot be cancelled')
  assert.deepEqual(await read(service, token, task_id), done)
})

test('for everybody else a task does not exist', async (t) => {
  const service = await aService(t)
  const ann = await service.signIn('ann@example.com')
  const eve = await service.signIn('eve@example.com')
  const { task_id } = await send(service, ann)
  await finished(service, ann, task_id)

  for (const [method, path] of [
    ['GET', ''],
    ['DELETE', ''],
    ['GET', '/events'],
    ['GET', '/result'],
  ] as const) {
    const others = await service.request(method, `/tasks/${task_id}${path}`, { token: eve })
    const nobodys = await service.request(method, `/tasks/01a1fb85-69fc-7003-8ed3-9cd1fd8feee2${path}`, { token: eve })
    assert.equal(others.status, 404, `${method} ${path}`)
    assert.equal((await json(others))['detail'], (await json(nobodys))['detail'])
  }
  const list = await service.request('GET', '/tasks/', { token: eve })
  assert.equal(list.headers.get('X-Total-Count'), '0')
  assert.deepEqual(await list.json(), [])
})

test('the list is newest first, in pages, with the total, by type and status', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()
  const ids: string[] = []
  for (let time = 0; time < 5; time += 1) ids.unshift((await send(service, token))['task_id'])
  await service.request('POST', '/tasks/data/process', { token, json: data })
  await cancel(service, token, ids[1]!)
  const list = async (query: string) => {
    const response = await service.request('GET', `/tasks/?${query}`, { token })
    return [
      response.headers.get('X-Total-Count'),
      ((await response.json()) as unknown as Answer[]).map((task) => task['task_id']),
    ]
  }

  assert.deepEqual(await list('task_type=email'), ['5', ids])
  assert.deepEqual(await list('task_type=email&skip=1&limit=2'), ['5', ids.slice(1, 3)])
  assert.deepEqual(await list('status=cancelled'), ['1', [ids[1]]])
  assert.equal((await list('status=pending'))[0], '5')
  assert.equal((await list(''))[0], '6')
})

test('lists and bodies have limits, and unknown fields are refused', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()
  const status = async (method: string, path: string, body?: object) =>
    (await service.request(method, path, { token, json: body })).status

  for (const query of ['limit=101', 'limit=0', 'limit=x', 'skip=-1', 'skip=1e99', 'task_type=x', 'status=done']) {
    assert.equal(await status('GET', `/tasks/?${query}`), 422, query)
  }
  for (const extra of ['user_id', 'task_id', 'status', 'queue', 'attempts', 'state', 'owner', 'role', 'userId']) {
    assert.equal(await status('POST', '/tasks/email/send', { ...email, [extra]: 1 }), 422, extra)
    assert.equal(await status('POST', '/tasks/data/process', { ...data, [extra]: 1 }), 422, extra)
  }
  for (const wrong of [
    { processing_type: 'delete' },
    { output_format: 'pdf' },
    { data_source: '' },
    { filters: [] },
    { filters: { a: { min: [] } } },
  ]) {
    assert.equal(await status('POST', '/tasks/data/process', { ...data, ...wrong }), 422, JSON.stringify(wrong))
  }
  for (const wrong of [{ priority: 'asap' }, { subject: '  ' }, { subject: 'half \ud83d' }, { body: '\udc00' }]) {
    assert.equal(await status('POST', '/tasks/email/send', { ...email, ...wrong }), 422, JSON.stringify(wrong))
  }
  assert.equal(await status('POST', '/tasks/email/send', { ...email, body: 'x'.repeat(600_000) }), 422)
  assert.equal(await status('POST', '/tasks/email/send', { ...email, body: 'x'.repeat(1_100_000) }), 413)
})

test('a filter that cannot be understood is refused, and the key is named', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()
  const answer = (filters: object) =>
    service.request('POST', '/tasks/data/process', { token, json: { ...data, filters } })

  for (const [filters, pointer] of [
    [{ id: { gt: 1 } }, '/filters/id/gt'],
    [{ id: { min: 1, maximum: 3 } }, '/filters/id/maximum'],
    [{ address: { city: 'Bern' } }, '/filters/address/city'],
    [{ id: { min: null } }, '/filters/id/min'],
  ] as const) {
    const response = await answer(filters)
    assert.equal(response.status, 422, pointer)
    assert.equal((await json(response))['errors'][0].pointer, pointer)
  }
  assert.equal((await answer({ id: {} })).status, 201)
})

test('a source is a plain name: any other name is a sample, and a path is refused', async (t) => {
  const service = await aService(t)
  const token = await service.signIn()
  const answer = (data_source: string) =>
    service.request('POST', '/tasks/data/process', { token, json: { ...data, processing_type: 'clean', data_source } })

  for (const wrong of ['/etc/passwd', '../users', 'orders.csv', 'my file', 'a\\b', 'x'.repeat(101), '', 'a\n']) {
    const response = await answer(wrong)
    assert.equal(response.status, 422, wrong)
    assert.equal((await json(response))['errors'][0].pointer, '/data_source')
  }
  const { task_id } = await json(await answer('legacy_sales-2'))
  const done = await finished(service, token, task_id)
  assert.deepEqual(JSON.parse(done['result'].data), [{ message: 'Sample data from legacy_sales-2' }])
})

test('no route enqueues a task by name', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()

  for (const { name } of service.errand.tasks) {
    for (const path of [`/tasks/${name}`, `/tasks/${name.replace('.', '/')}`]) {
      if (path === '/tasks/email/send' || path === '/tasks/data/process') continue
      const { status } = await service.request('POST', path, { token, json: {} })
      assert.ok(status === 404 || status === 405, `${status} ${path}`)
    }
  }
})

test('a task that failed says why in words for its owner, and nothing of the inside', async (t) => {
  const service = await aService(t, {
    send: async ({ to }) => {
      if (to === email.to_email)
        throw Object.assign(new TypeError('secret inside at /srv/app/mail.ts'), { code: 'FATAL' })
    },
  })
  const token = await service.signIn()
  const { task_id } = await send(service, token)

  const waiting = await eventually(async () => {
    const record = await read(service, token, task_id)
    return record['error'] === null ? undefined : record
  })

  assert.ok(!JSON.stringify(waiting).includes('inside at'))
})

test('the text of a message is in no record, no log line and no reading of the job', async (t) => {
  const service = await aService(t)
  const token = await service.signIn()
  const canary = 'canary-7f3a91-in-the-text'
  const { task_id } = await send(service, token, { ...email, body: canary })
  const done = await finished(service, token, task_id)

  assert.ok(!JSON.stringify(done).includes(canary))
  assert.ok(!service.logged().includes(canary))
  assert.ok(!JSON.stringify(await service.errand.job(task_id).info()).includes(canary))
  assert.ok((await service.mailbox!.messages()).some(({ text }) => text.includes(canary)))
})

test('a record keeps its result after its job is gone', async (t) => {
  const service = await aService(t)
  const token = await service.signIn()
  const { task_id } = await send(service, token)
  const done = await finished(service, token, task_id)

  await service.errand.job(task_id).remove()

  assert.deepEqual(await read(service, token, task_id), done)
})

test('progress has at most one decimal', () => {
  for (let done = 0; done <= 1_000; done += 1) {
    assert.equal(percentOf({ done: done / 10, of: 100 }), done / 10)
    assert.match(String(percentOf({ done, of: 7_001 })), /^\d+(\.\d)?$/)
  }
})

test('a record is brought up to date without anyone reading it', async (t) => {
  const service = await aService(t)
  const token = await service.signIn()
  const { task_id } = await send(service, token)

  const row = await eventually(async () => {
    const found = await service.records.row(task_id)
    return found?.status === 'completed' ? found : undefined
  })

  assert.equal(row.progress, 100)
})
