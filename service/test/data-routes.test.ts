import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { aService, eventually, finished, type TestService } from './a-service.ts'

const csv = 'id,name,status\n1,Ann,open\n2,Bob,closed\n3,Cy,open\n'

function form(content: string | Blob, name: string): RequestInit {
  const body = new FormData()
  body.append('note', 'before the file')
  body.append('file', typeof content === 'string' ? new Blob([content]) : content, name)

  return { body }
}

async function upload(service: TestService, token: string, init: RequestInit, query = '') {
  const headers = { ...(init.headers as Record<string, string>), Authorization: `Bearer ${token}` }
  const response = await service.app.request(`/data/sources${query}`, {
    method: 'POST',
    ...init,
    headers,
    duplex: 'half',
  } as RequestInit)

  return { status: response.status, body: (await response.json()) as Record<string, any> }
}

async function process(service: TestService, token: string, json: object) {
  return (await (await service.request('POST', '/tasks/data/process', { token, json })).json()) as Record<string, any>
}

const files = (service: TestService) => readdirSync(join(service.dataDir, 'uploads'))

test('a file uploaded by form is kept under a name of ours, told by its content, and processed', async (t) => {
  const service = await aService(t)
  const token = await service.signIn()

  const { status, body } = await upload(service, token, form(csv, '../../etc/Orders 2026.csv'))
  const task = await process(service, token, {
    data_source: body['id'],
    processing_type: 'aggregate',
    filters: { status: 'open' },
  })
  const done = await finished(service, token, task['task_id'])

  assert.equal(status, 201)
  assert.deepEqual([body['name'], body['kind'], body['bytes']], ['Orders 2026.csv', 'csv', csv.length])
  assert.equal(body['sha256'], createHash('sha256').update(csv).digest('hex'))
  assert.deepEqual(files(service), [`${body['id']}.csv`])
  assert.equal(JSON.parse(done['result'].data).total_count, 2)
})

test('a file can be the body itself, as CSV, JSON or NDJSON', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()
  const kinds = []
  for (const [type, body] of [
    ['text/csv', csv],
    ['application/json', '[{"a":1}]'],
    ['application/json', JSON.stringify(Array.from({ length: 9_000 }, (_, id) => ({ id, name: 'ä' })))],
    ['application/x-ndjson', '{"a":1}\n{"a":2}\n'],
    ['application/jsonl', '{"a":1}'],
    ['application/octet-stream', csv],
  ]) {
    kinds.push(
      (await upload(service, token, { body: body!, headers: { 'Content-Type': type! } }, '?name=../x')).body['kind'],
    )
  }

  assert.deepEqual(kinds, ['csv', 'json', 'json', 'ndjson', 'ndjson', 'csv'])
})

test('two uploads of one name are two sources, listed newest first', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()
  const first = await upload(service, token, form(csv, 'same.csv'))
  const second = await upload(service, token, form(csv, 'same.csv'))

  const list = (await (await service.request('GET', '/data/sources', { token })).json()) as Record<string, any>[]

  assert.deepEqual(
    list.map(({ id }) => id),
    [second.body['id'], first.body['id']],
  )
})

test("a source is its owner's alone", async (t) => {
  const service = await aService(t, { worker: false })
  const ann = await service.signIn('ann@example.com')
  const eve = await service.signIn('eve@example.com')
  const { body } = await upload(service, ann, form(csv, 'a.csv'))
  const asked = { data_source: body['id'], processing_type: 'clean' }

  const others = await service.request('POST', '/tasks/data/process', { token: eve, json: asked })
  const nobodys = await service.request('POST', '/tasks/data/process', {
    token: eve,
    json: { ...asked, data_source: '01a1fb85-69fc-7003-8ed3-9cd1fd8feee2' },
  })

  assert.deepEqual([others.status, nobodys.status], [422, 422])
  assert.deepEqual(await (await service.request('GET', '/data/sources', { token: eve })).json(), [])
  assert.equal((await service.request('DELETE', `/data/sources/${body['id']}`, { token: eve })).status, 404)
})

test('deleting a source deletes its file', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()
  const { body } = await upload(service, token, form(csv, 'a.csv'))

  assert.equal((await service.request('DELETE', `/data/sources/${body['id']}`, { token })).status, 204)

  assert.deepEqual(files(service), [])
})

test('a file at the limit is taken, one byte more is refused, and nothing of it stays', async (t) => {
  const service = await aService(t, { worker: false, uploadBytes: csv.length })
  const token = await service.signIn()

  for (const as of ['form', 'body']) {
    const init = (text: string) =>
      as === 'form' ? form(text, 'a.csv') : { body: text, headers: { 'Content-Type': 'text/csv' } }
    assert.equal((await upload(service, token, init(csv))).status, 201, as)
    assert.equal((await upload(service, token, init(`${csv}x`))).status, 413, as)
  }
  assert.equal(files(service).length, 2)
})

test('what is no data, no file or no form is refused, and nothing of it stays', async (t) => {
  const service = await aService(t, { worker: false, limits: { uploads: { burst: 100, refillMs: 1 } } })
  const token = await service.signIn()
  const multipart = (boundary: string) => ({ 'Content-Type': `multipart/form-data${boundary}` })
  const png = new Blob([Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')])
  const noFile = new FormData()
  noFile.append('a', 'b')
  const part = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n'
  const refused: [number, RequestInit][] = [
    [422, form(png, 'a.csv')],
    [422, form('%PDF-1.7 \0', 'a.csv')],
    [422, { body: noFile }],
    [422, { body: 'x', headers: multipart('') }],
    [422, { body: '', headers: multipart('; boundary=x') }],
    [422, { body: 'no boundary in here', headers: multipart('; boundary=x') }],
    [422, { body: `${part}\r\na,b`, headers: multipart('; boundary=x') }],
    [422, { body: `${part}Content-Disposition`, headers: multipart('; boundary=x') }],
    [422, { body: `--x\r\n${'A: b\r\n'.repeat(5_000)}\r\n`, headers: multipart('; boundary=x') }],
    [422, form('', 'a.csv')],
    [422, form(' \n', 'a.csv')],
    [422, form('[{"a":1},{"a":}]', 'a.json')],
    [422, { body: '', headers: { 'Content-Type': 'text/csv' } }],
    [422, { body: 'a,b\n1,2\n', headers: { 'Content-Type': 'application/json' } }],
    [422, { body: '{"a":1', headers: { 'Content-Type': 'application/json' } }],
    [422, { body: '[1,2]', headers: { 'Content-Type': 'application/json' } }],
    [422, { body: `[{"a":1},oops${' '.repeat(100_000)}]`, headers: { 'Content-Type': 'application/json' } }],
    [422, { body: '{"a":1}\n{"a":2}\n', headers: { 'Content-Type': 'application/json; charset=utf-8' } }],
    [422, { body: '[{"a":1}]', headers: { 'Content-Type': 'application/x-ndjson' } }],
    [422, { body: csv, headers: { 'Content-Type': 'application/x-ndjson' } }],
    [415, { body: '<a/>', headers: { 'Content-Type': 'application/xml' } }],
    [415, { body: csv, headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }],
  ]

  for (const [status, init] of refused) {
    assert.equal((await upload(service, token, init)).status, status, JSON.stringify(init).slice(0, 200))
  }
  assert.deepEqual(files(service), [])
})

test('a form that is damaged anywhere is answered, and the service goes on', async (t) => {
  const service = await aService(t, {
    worker: false,
    limits: { uploads: { burst: 10_000, refillMs: 1 }, requests: { burst: 10_000, refillMs: 1 } },
  })
  const token = await service.signIn()
  const whole = `--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\n${csv}\r\n--x--\r\n`
  let seed = 7
  const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below

  for (let round = 0; round < 200; round += 1) {
    const bytes = Buffer.from(whole)
    for (let change = 0; change < 1 + random(4); change += 1) bytes[random(bytes.length)] = random(256)
    const body = bytes.subarray(0, random(3) === 0 ? random(bytes.length) : bytes.length)
    const { status } = await upload(service, token, {
      body,
      headers: { 'Content-Type': 'multipart/form-data; boundary=x' },
    })
    assert.ok(status < 500, `${status} for ${body.toString('latin1')}`)
  }
  assert.ok(files(service).every((name) => !name.endsWith('.part')))
})

test('an upload that breaks off leaves nothing', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()
  let sent = false
  const body = new ReadableStream({
    pull(controller) {
      if (sent) controller.error(Object.assign(new Error('gone'), { code: 'ECONNRESET' }))
      else controller.enqueue(Buffer.from(csv))
      sent = true
    },
  })

  assert.equal((await upload(service, token, { body, headers: { 'Content-Type': 'text/csv' } })).status, 400)

  await eventually(async () => (files(service).length === 0 ? true : undefined))
})

test('a file that turns out to be broken fails the task with the line, and without trying again', async (t) => {
  const service = await aService(t)
  const token = await service.signIn()
  const { body } = await upload(service, token, form('{"a":1}\n{"a":\n', 'a.ndjson'))
  const task = await process(service, token, { data_source: body['id'], processing_type: 'clean' })

  const done = await finished(service, token, task['task_id'])

  assert.equal(done['status'], 'failed')
  assert.match(done['error'], /^Data processing failed: .*2/)
  assert.ok(!done['error'].includes(service.dataDir))
  assert.equal((await service.errand.job(task['task_id']).attempts()).length, 1)
})

test('a result that is too large for the record is downloaded from its link', async (t) => {
  const service = await aService(t)
  const token = await service.signIn()
  const rows = Array.from({ length: 20_000 }, (_, id) => `${id},name ${id},open`).join('\n')
  const { body } = await upload(service, token, form(`id,name,status\n${rows}\n`, 'a.csv'))
  const task = await process(service, token, {
    data_source: body['id'],
    processing_type: 'clean',
    output_format: 'csv',
  })

  const done = await finished(service, token, task['task_id'])
  const file = await service.request('GET', done['result'].download, { token })
  const text = await file.text()

  assert.deepEqual([done['result'].data, done['result'].records_processed], [null, 20_000])
  assert.equal(file.headers.get('Content-Type'), 'text/csv; charset=utf-8')
  assert.equal(createHash('sha256').update(text).digest('hex'), done['result'].sha256)
})

test('there is nothing to download before the task is completed', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()
  const task = await process(service, token, { data_source: 'users', processing_type: 'clean' })

  assert.equal((await service.request('GET', `/tasks/${task['task_id']}/result`, { token })).status, 404)
})
