/** What `errand worker` and `errand beat` say, and do, while their server is away. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Redis } from 'ioredis'
import { findRedis, startRedis, type RedisServer } from '../servers.ts'
import { Scene } from './scene.ts'

const redis = await findRedis()

const app = (url: string) => `
import { Errand, redisStore } from 'errand'

const store = redisStore({ url: '${url}', waitForServer: '200ms', connectTimeout: '200ms', commandTimeout: '500ms' })
export const errand = new Errand({ store })
const greet = errand.task('greet', async (name: string) => 'Hello ' + name)
errand.schedule('hourly', { every: '1h' }, greet.with('all'))
`

const linesWith = (text: string, { stdout, stderr }: { stdout: string; stderr: string }) =>
  (stdout + stderr).split('\n').filter((line) => line.includes(text)).length

describe('while its server is away', { skip: !redis && 'no Redis server', timeout: 60_000 }, () => {
  let server: RedisServer

  before(async () => {
    server = await startRedis(redis!)
  })
  after(() => server.stop())

  test('a worker says once that it has gone, and once that it is back and after how long', async () => {
    const scene = new Scene({ 'tasks.ts': app(server.url) })
    const worker = scene.start(['worker', '-n', 'ants'])
    await worker.says('worker started')

    await server.down()
    await worker.says('store away')
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    await server.up()
    await worker.says('store back')
    scene.errand(['call', 'greet', 'Ada'])
    await worker.says('succeeded')

    assert.equal(linesWith('store away', worker), 1)
    assert.equal(linesWith('store back', worker), 1)
    assert.equal(linesWith('STORE_AWAY', worker) + linesWith(' error ', worker), 0)
    assert.match(worker.stderr, /store back +after [\d.]+ m?s\n/)
    worker.signal('SIGTERM')
    assert.equal((await worker.ended).code, 0)
  })

  test('a worker that is refused by it says so once, and once that it is not any more', async () => {
    const scene = new Scene({ 'tasks.ts': app(server.url) })
    const worker = scene.start(['worker', '-n', 'ants'])
    await worker.says('worker started')
    const admin = new Redis(server.url)

    await admin.acl('SETUSER', 'default', '-evalsha')
    await worker.says('store away')
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    await admin.acl('SETUSER', 'default', '+evalsha')
    await worker.says('store back')
    admin.disconnect()

    assert.equal(linesWith('store away', worker), 1)
    assert.match(worker.stderr, /store away +work goes on when it is back\. StoreRefusedError/)
    assert.ok(linesWith('STORE_REFUSED', worker) + linesWith(' error ', worker) < 3)
    worker.signal('SIGTERM')
    assert.equal((await worker.ended).code, 0)
  })

  test('a worker that is started waits for it, saying so once', async () => {
    const scene = new Scene({ 'tasks.ts': app(server.url) })
    await server.down()
    const worker = scene.start(['worker', '-n', 'ants'])
    await worker.says('store away')
    assert.doesNotMatch(worker.stderr, /worker started/)

    await server.up()

    await worker.says('worker started ants')
    assert.equal(linesWith('store away', worker), 1)
    worker.signal('SIGTERM')
    assert.equal((await worker.ended).code, 0)
  })

  test('a worker that waits for it can be stopped', async () => {
    const scene = new Scene({ 'tasks.ts': app(server.url) })
    await server.down()
    const worker = scene.start(['worker'])
    await worker.says('store away')

    worker.signal('SIGTERM')

    assert.equal((await worker.ended).code, 0)
    await server.up()
  })

  test('a beat that is started waits for it', async () => {
    const scene = new Scene({ 'tasks.ts': app(server.url) })
    await server.down()
    const beat = scene.start(['beat'])
    await beat.says('store away')

    await server.up()

    await beat.says('Firing 1 schedule')
    beat.signal('SIGTERM')
    assert.equal((await beat.ended).code, 0)
  })

  test('whoever enqueues is told so soon', async () => {
    const scene = new Scene({ 'tasks.ts': app(server.url) })
    await server.down()

    const { code, stderr } = scene.errand(['call', 'greet', 'Ada'])

    assert.equal(code, 3)
    assert.match(stderr, /STORE_AWAY/)
    await server.up()
  })
})
