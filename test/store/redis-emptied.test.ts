import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import { Errand, redisStore } from '../../src/index.ts'
import { command } from '../redis-servers.ts'
import { findRedis, startRedis, type RedisServer } from '../servers.ts'
import { impatient } from './redis-app.ts'

const redis = await findRedis()

describe('a Redis server that has lost its data', { skip: !redis && 'no Redis server' }, () => {
  let server: RedisServer
  let stores = 0

  before(async () => {
    server = await startRedis(redis!)
  })
  after(() => server.stop())

  function appOf(t: TestContext, prefix: string, tasks: readonly string[]) {
    const errand = new Errand({ store: redisStore({ ...impatient, url: server.url, prefix }) })
    const ran: string[] = []
    errand.on('error', () => {})
    const [first, ...others] = tasks.map((name) =>
      errand.task(name, async (input: string) => {
        ran.push(`${name} ${input}`)
        return name
      }),
    )
    t.after(() => errand.close())
    return { errand, ran, first: first!, others }
  }

  const losses: readonly [string, () => Promise<unknown>][] = [
    ['it was flushed', () => command(server.port, 'flushall')],
    [
      'it started anew without persistence',
      async () => {
        await server.down('SIGKILL')
        await server.up()
      },
    ],
  ]

  for (const [what, lose] of losses) {
    test(`runs no job as another task: ${what}`, async (t) => {
      const prefix = `emptied-${++stores}`
      const worker = appOf(t, prefix, ['copy', 'greet'])
      await worker.errand.worker({ lease: '1s' }).start()
      const copied = await worker.first.enqueue('before')
      assert.equal(await copied.result({ timeout: '10s' }), 'copy')

      await lose()
      const caller = appOf(t, prefix, ['greet', 'copy'])
      const greeted = await caller.first.enqueue('hello')
      const again = await caller.others[0]!.enqueue('after')

      assert.equal(await greeted.result({ timeout: '10s' }), 'greet')
      assert.equal(await again.result({ timeout: '10s' }), 'copy')
      assert.deepEqual(worker.ran, ['copy before', 'greet hello', 'copy after'])
    })
  }

  test('shows jobs as those they are, whoever remembers others', async (t) => {
    const prefix = `emptied-${++stores}`
    const [reader, writer] = [appOf(t, prefix, ['copy']), appOf(t, prefix, ['greet'])]
    await reader.first.enqueue('before')
    await command(server.port, 'flushall')

    const { id } = await writer.first.enqueue('hello')

    assert.equal((await reader.errand.job(id).info()).task, 'greet')
    const { jobs } = await reader.errand.jobs()
    assert.deepEqual(
      jobs.map(({ task }) => task),
      ['greet'],
    )
  })

  test('adds no job to it as another task', async (t) => {
    const prefix = `emptied-${++stores}`
    const [one, other] = [appOf(t, prefix, ['copy']), appOf(t, prefix, ['greet'])]
    await one.first.enqueue('before')
    await command(server.port, 'flushall')
    await other.first.enqueue('hello')

    const plain = await one.first.enqueue('after')
    const unique = await one.first.enqueue('once', { unique: 'key' })

    assert.equal((await other.errand.job(plain.id).info()).task, 'copy')
    assert.equal((await other.errand.job(unique.id).info()).task, 'copy')
  })
})
