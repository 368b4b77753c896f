/** What is over leaves nothing on a Redis server. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Redis } from 'ioredis'
import { chain, Errand } from '../../src/index.ts'
import { openConnection } from '../../src/store/redis/connection/open-connection.ts'
import { RedisStore } from '../../src/store/redis/redis.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'
import { findRedis, startRedis } from '../servers.ts'

const program = await findRedis()

test(
  'jobs, results, keys, tags and workers that are over leave no key behind (celery#7801, #6089, #5292)',
  { skip: program === undefined && 'no Redis server' },
  async (t) => {
    const server = await startRedis(program!)
    t.after(() => server.stop())
    const env = new ManualEnv()
    const connection = await openConnection({ url: server.url, prefix: 'space' })
    const clock = () => ({ now: env.now(), monotonic: env.monotonic() })
    const store = new RedisStore(connection, { env, clock })
    env.onIdle = () => connection.quiet()
    const errand = new Errand({ store, env })
    const client = new Redis(server.url)
    t.after(async () => {
      client.disconnect()
      await errand.close()
    })
    const double = errand.task('double', { keep: '1m', retry: false }, (n: number) => {
      if (n < 0) throw new Error('negative')
      return n * 2
    })
    const keys = async () => (await client.keys('*')).length

    const runAll = async (times: number) => {
      const worker = await errand.worker().start()
      for (let n = 0; n < times; n++) {
        await double.enqueue(n, { unique: `key-${n}`, tags: [`tag-${n}`], metadata: { n } })
        await double.enqueue(-1)
        await errand.enqueue(chain(double.with(n), double))
      }
      await env.advance(60_000)
      await worker.stop()
    }
    const forget = async () => {
      for (let day = 0; day < 4; day++) {
        await env.advance(86_400_000)
        while ((await store.upkeep()).more);
      }
    }
    await runAll(3)
    await forget()
    const few = await keys()
    await runAll(60)
    const during = await keys()
    await forget()
    const many = await keys()

    assert.ok(during > few + 100, `${during} keys, and ${few} before`)
    assert.ok(many <= few + 5, `${many} keys, and ${few} before`)
    assert.deepEqual((await errand.jobs()).jobs, [])
  },
)
