/** How long a call of the engine keeps a Redis server from everybody else, in time of its processor: by the clock, others count too. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { chord, Errand, mapEach, type Store } from '../../src/index.ts'
import { openConnection } from '../../src/store/redis/connection/open-connection.ts'
import type { RedisConnection } from '../../src/store/redis/connection/connection.ts'
import { RedisStore } from '../../src/store/redis/redis.ts'
import { findRedis, startRedis } from '../servers.ts'

/** What docs/design/redis.md states. */
const mostMs = 15

const program = await findRedis()
if (program !== undefined) await holds(program)

/** Makes calls one after another, and notes what each took of the server. */
class Measured {
  /** The longest of each script, in milliseconds. */
  readonly longest = new Map<string, number>()
  readonly connection: RedisConnection
  #last: Promise<unknown> = Promise.resolve()

  constructor(connection: RedisConnection) {
    const measure = this.#measure.bind(this)
    this.connection = new Proxy(connection, {
      get(target, name) {
        const value = Reflect.get(target, name, target) as unknown
        if (name !== 'call') return typeof value === 'function' ? value.bind(target) : value
        return (...args: Parameters<RedisConnection['call']>) => measure(target, args)
      },
    })
  }

  #measure(connection: RedisConnection, args: Parameters<RedisConnection['call']>): Promise<unknown> {
    const [{ name }] = args
    const measured = this.#last.then(async () => {
      const before = await usedMs(connection)
      try {
        return await connection.call(...args)
      } finally {
        const ms = (await usedMs(connection)) - before
        this.longest.set(name, Math.max(this.longest.get(name) ?? 0, ms))
      }
    })
    this.#last = measured.catch(() => {})
    return measured
  }
}

/** Of its main thread, which alone carries out calls. */
async function usedMs(connection: RedisConnection): Promise<number> {
  const info = String(await connection.command('info', 'cpu'))
  const seconds = (of: string) => Number(new RegExp(`^used_cpu_${of}(?:_main_thread)?:([\\d.]+)`, 'm').exec(info)![1])

  return 1000 * (seconds('user') + seconds('sys'))
}

async function holds(program: string) {
  const server = await startRedis(program)
  after(() => server.stop())

  test('no call holds the server for long, whether it inserts, runs, cancels, spreads, lists, removes or looks after', async (t) => {
    const measured = new Measured(await openConnection({ url: server.url, commandTimeout: '20s' }))
    const store: Store = new RedisStore(measured.connection)
    const errand = new Errand({ store })
    t.after(() => errand.close())
    const plain = errand.task('plain', (n: number) => n)
    const limit = { concurrency: 1, per: (n: number) => `key ${n % 500}` }
    const keyed = errand.task('keyed', { limit }, (n: number) => n)
    const sum = errand.task('sum', (all: number[]) => all.length)
    const numbers = Array.from({ length: 2000 }, (_, n) => n)
    const wide = chord(mapEach(plain, numbers), sum)

    await plain.enqueueMany(numbers)
    await plain.enqueueMany(numbers, { delay: '1h' })
    await keyed.enqueueMany(numbers)
    await errand.jobs({ limit: 500 })
    await errand.jobs({ limit: 500, tag: 'nobody has it' })
    await errand.cancel({ state: 'scheduled' })
    await (await errand.enqueue(wide, { delay: '1h' })).cancel()
    const flow = await errand.enqueue(wide)
    await errand.worker({ concurrency: 200 }).start()
    await flow.result({ timeout: '60s' })
    await errand.remove({ task: 'plain' })
    while ((await store.upkeep()).more);

    const scripts = ['cancel', 'insert', 'insert-plain', 'look', 'release', 'remove', 'turn', 'upkeep']
    assert.deepEqual(
      scripts.filter((name) => !measured.longest.has(name)),
      [],
    )
    assert.deepEqual(
      [...measured.longest].filter(([, ms]) => ms > mostMs),
      [],
    )
  })
}
