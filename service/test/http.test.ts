import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TokenBuckets } from '../http/token-buckets.ts'
import { answering, publicRoutes } from '../auth/guard.ts'
import { problemKinds } from '../http/problem.ts'
import { aService } from './a-service.ts'

test('every answer forbids browsers what was not meant', async (t) => {
  const service = await aService(t, { worker: false })

  for (const path of [
    '/',
    '/livez',
    '/readyz',
    '/docs',
    '/openapi.json',
    '/mailbox',
    '/tasks/',
    '/nothing',
    '/password/reset',
    '/problems/invalid',
  ]) {
    const { headers } = await service.request('GET', path)
    assert.match(headers.get('Content-Security-Policy')!, /^default-src 'none'/, path)
    assert.ok(!/unsafe/.test(headers.get('Content-Security-Policy')!), path)
    assert.equal(headers.get('X-Content-Type-Options'), 'nosniff')
    assert.equal(headers.get('X-Frame-Options'), 'DENY')
    assert.equal(headers.get('Referrer-Policy'), 'no-referrer')
    assert.equal(headers.get('Cross-Origin-Resource-Policy'), 'same-origin')
    assert.equal(headers.get('Access-Control-Allow-Origin'), null)
  }
})

test('a problem says what, where and why, and its type leads to a page', async (t) => {
  const service = await aService(t, { worker: false })

  const response = await service.request('POST', '/register', {
    json: { email: 'x', password: 'long enough', 'a/b~c': 1 },
  })
  const problem = (await response.json()) as Record<string, any>

  assert.equal(response.headers.get('Content-Type'), 'application/problem+json')
  assert.deepEqual([problem['status'], problem['type'], problem['instance']], [422, '/problems/invalid', '/register'])
  assert.deepEqual(problem['errors'], [
    { pointer: '/email', message: 'expected an e-mail address' },
    { pointer: '/a~1b~0c', message: 'unknown field' },
  ])
  assert.equal(problem['requestId'], response.headers.get('X-Request-Id'))
  for (const kind of Object.keys(problemKinds))
    assert.equal((await service.request('GET', `/problems/${kind}`)).status, 200)
  assert.equal((await service.request('GET', '/problems/constructor')).status, 404)
})

test('a body that is no JSON, or of another type, is refused as such', async (t) => {
  const service = await aService(t, { worker: false })
  const status = async (type: string, body: string) =>
    (await service.app.request('/register', { method: 'POST', headers: { 'Content-Type': type }, body })).status

  assert.equal(await status('application/json', '{'), 400)
  assert.equal(await status('application/json', ''), 400)
  assert.equal(await status('text/plain', '{"email":"a@example.com","password":"long enough"}'), 415)
  assert.equal(await status('application/x-www-form-urlencoded', 'email=a'), 415)
  for (const body of ['[]', 'null', '1', '"x"', '[['.repeat(1_000) + ']]'.repeat(1_000)])
    assert.equal(await status('application/json', body), 422, body.slice(0, 20))
})

test('a body that does not fit is told where and in plain words', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()
  const answer = async (path: string, body: string) => {
    const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` }
    const response = await service.app.request(path, { method: 'POST', headers, body })
    return (await response.json()) as Record<string, any>
  }

  for (const path of ['/register', '/token', '/tasks/email/send']) {
    assert.match((await answer(path, '{"a": 1,}'))['detail'], /^The body is not valid JSON: .*position 8/, path)
  }
  assert.deepEqual((await answer('/register', '[]'))['errors'], [{ pointer: '', message: 'must be an object' }])
  assert.deepEqual(
    (await answer('/tasks/email/send', '{"to_email": 1, "subject": "", "priority": "asap"}'))['errors'],
    [
      { pointer: '/to_email', message: 'must be a text' },
      { pointer: '/subject', message: 'must not be empty' },
      { pointer: '/body', message: 'is required' },
      { pointer: '/priority', message: 'must be one of low, normal, high, urgent' },
    ],
  )
  const list = await service.request('GET', '/tasks/?limit=x&skip=-1', { token })
  assert.deepEqual(((await list.json()) as Record<string, any>)['errors'], [
    { pointer: 'skip', message: 'must be at least 0' },
    { pointer: 'limit', message: 'must be a number' },
  ])
})

test('a known path with another method is refused with the methods it takes', async (t) => {
  const service = await aService(t, { worker: false })
  const allow = async (method: string, path: string) => {
    const response = await service.request(method, path)
    return [response.status, response.headers.get('Allow')]
  }

  assert.deepEqual(await allow('GET', '/register'), [405, 'POST'])
  assert.deepEqual(await allow('POST', '/tasks/'), [405, 'GET, HEAD'])
  assert.deepEqual(await allow('PUT', '/tasks/abc'), [405, 'GET, HEAD, DELETE'])
  assert.deepEqual(await allow('OPTIONS', '/data/sources'), [405, 'GET, HEAD, POST'])
  assert.deepEqual(await allow('POST', '/nothing'), [404, null])
})

test('requests that went well are logged only for who looks closely', async (t) => {
  const service = await aService(t, { worker: false })

  await service.request('GET', '/livez')
  await service.request('GET', '/nothing')

  const lines = service
    .logged()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual(
    lines.filter(({ msg }) => msg === 'request').map(({ level, status }) => [level, status]),
    [
      [20, 200],
      [20, 404],
    ],
  )
})

test('names that every object has are data like any other', async (t) => {
  const service = await aService(t, { worker: false })
  const body =
    '{"email":"a@example.com","password":"long enough","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'

  const response = await service.app.request('/register', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body,
  })

  assert.equal(response.status, 422)
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
})

test('an error inside is logged under the request id, and answered without a word of it', async (t) => {
  const service = await aService(t, { worker: false })
  const token = await service.signIn()
  // A column that is gone makes the query fail.
  await service.database.schema.alterTable('tasks').renameColumn('progress', 'advance').execute()

  const response = await service.request('POST', '/tasks/email/send', {
    token,
    json: { to_email: 'a@example.com', subject: 'x', body: 'canary-91' },
  })
  const text = await response.text()

  assert.equal(response.status, 500)
  assert.ok(!/column|sqlite|tasks\.|canary/i.test(text))
  assert.ok(service.logged().includes((JSON.parse(text) as { requestId: string }).requestId))
  assert.ok(!service.logged().includes('canary-91'))
})

test('a request id from outside is taken over only where it is harmless', async (t) => {
  const service = await aService(t, { worker: false })
  const idOf = async (given: string) =>
    (await service.request('GET', '/livez', { headers: { 'X-Request-Id': given } })).headers.get('X-Request-Id')

  assert.equal(await idOf('trace-12345678'), 'trace-12345678')
  for (const bad of ['short', 'x'.repeat(200), '{"forged":"line"}', '\u001b[31mred text']) {
    assert.notEqual(await idOf(bad.replace(/[^\x20-\x7e]/g, '?')), bad)
  }
})

test('queries, which may hold tokens, are not logged', async (t) => {
  const service = await aService(t, { worker: false })

  await service.request('GET', '/password/reset?token=canary-token-7')

  assert.ok(service.logged().includes('/password/reset'))
  assert.ok(!service.logged().includes('canary-token-7'))
})

test('one account cannot keep the service to itself', async (t) => {
  const service = await aService(t, { worker: false, limits: { requests: { burst: 3, refillMs: 10_000 } } })
  const ann = await service.signIn('ann@example.com')
  const bob = await service.signIn('bob@example.com')
  const statuses: number[] = []
  for (let time = 0; time < 5; time += 1)
    statuses.push((await service.request('GET', '/tasks/', { token: ann })).status)

  assert.deepEqual(statuses, [200, 200, 200, 429, 429])
  assert.equal((await service.request('GET', '/tasks/', { token: bob })).status, 200)
})

test('an account that sends too many e-mails is told to wait', async (t) => {
  const service = await aService(t, { worker: false, limits: { emails: { burst: 2, refillMs: 60_000 } } })
  const token = await service.signIn()
  const send = () =>
    service.request('POST', '/tasks/email/send', {
      token,
      json: { to_email: 'a@example.com', subject: 'x', body: 'y' },
    })

  const answers = [await send(), await send(), await send()]

  assert.deepEqual(
    answers.map(({ status }) => status),
    [201, 201, 429],
  )
  assert.ok(Number(answers[2]!.headers.get('Retry-After')) > 50)
})

test('a bucket refills evenly, and a clock put back refills nothing', () => {
  let now = 0
  const buckets = new TokenBuckets({ burst: 2, refillMs: 1_000 }, () => now)
  assert.deepEqual([buckets.take('a'), buckets.take('a'), buckets.take('a'), buckets.take('b')], [0, 0, 1_000, 0])

  now = 500
  assert.equal(buckets.take('a'), 500)
  now = -10_000
  assert.equal(buckets.take('a'), 500)
  now = -9_500
  assert.equal(buckets.take('a'), 0)
})

test('buckets are kept for a bounded number of keys', () => {
  const buckets = new TokenBuckets({ burst: 1, refillMs: 1e9 }, () => 0, 2)
  for (const key of ['a', 'b', 'c']) buckets.take(key)

  assert.equal(buckets.take('c') > 0, true)
  assert.equal(buckets.take('a'), 0)
})

test('without a worker the service lives, and is not ready', async (t) => {
  const service = await aService(t, { worker: false })
  assert.equal((await service.request('GET', '/livez')).status, 200)
  const before = await service.request('GET', '/readyz')

  await service.startWorker()

  assert.equal(before.status, 503)
  assert.deepEqual(((await before.json()) as Record<string, any>)['checks'], {
    accepting: 'good',
    database: 'good',
    store: 'good',
    worker: 'bad',
  })
  assert.equal((await service.request('GET', '/readyz')).status, 200)
})

test('the OpenAPI document lists every route of the API, and how to get a token', async (t) => {
  const service = await aService(t, { worker: false })

  const document = (await (await service.request('GET', '/openapi.json')).json()) as Record<string, any>

  const pages = ['/', '/docs', '/docs/:file', '/openapi.json', '/assets/:file', '/problems/:kind', '/password/reset']
  const names: string[] = []
  for (const route of new Set(answering(service.app.routes))) {
    const [method, path] = route.split(' ') as [string, string]
    if (method === 'GET' && pages.includes(path)) continue
    const listed = path === '/tasks' ? '/tasks/' : path.replace(/:(\w+)/g, '{$1}')
    const operation = document['paths'][listed]?.[method.toLowerCase()]
    assert.ok(operation, `${route} is not in the document`)
    assert.ok(operation.summary, `${route} has no summary`)
    assert.match(String(operation.operationId), /^[a-z]\w+$/, route)
    names.push(operation.operationId)
    assert.equal(
      operation.security !== undefined,
      !publicRoutes.has(route),
      `${route}: the document and the guard disagree`,
    )
  }
  assert.deepEqual(names, [...new Set(names)])
  assert.deepEqual(document['components'].securitySchemes.password.flows.password.tokenUrl, '/token')
  assert.match(document['openapi'], /^3\.1/)
})

test('the docs page loads nothing from elsewhere, and every file it names is served', async (t) => {
  const service = await aService(t, { worker: false })

  const page = await (await service.request('GET', '/docs')).text()
  const files = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file!)

  assert.ok(files.length >= 3)
  for (const file of files) {
    assert.match(file, /^\/docs\//)
    assert.equal((await service.request('GET', file)).status, 200, file)
  }
  assert.equal((await service.request('GET', '/docs/..%2fpackage.json')).status, 404)
})
