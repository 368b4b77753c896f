import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import { command, moveSlot, prefixesByMaster, startCluster, until, type RedisCluster } from '../redis-servers.ts'
import { findRedis } from '../servers.ts'
import { RedisApp, untilTaken } from './redis-app.ts'

const redis = await findRedis()
const batch = 100

/** A store that is enqueued to and worked off without rest. */
class LoadedStore {
  readonly app: RedisApp
  /** Numbers below this are acknowledged. */
  enqueued = 0
  #over = false
  #producing: Promise<void> | undefined

  constructor(t: TestContext, cluster: RedisCluster, prefix: string, wait: number) {
    this.app = new RedisApp(t, { url: cluster.url, prefix, wait, waitForServer: '20s' })
  }

  async start(): Promise<this> {
    await this.app.errand.worker().start()
    this.#producing = this.#produce()
    await this.goesOn()
    return this
  }

  /** Resolves when jobs that are enqueued from now on have run. */
  async goesOn(): Promise<void> {
    await this.app.ran(this.enqueued + 3 * batch)
  }

  async finish(): Promise<void> {
    this.#over = true
    await this.#producing
    await this.app.ran(this.enqueued)
  }

  async #produce(): Promise<void> {
    while (!this.#over) {
      const numbers = Array.from({ length: batch }, (_, index) => this.enqueued + index)
      await untilTaken(() => this.app.note.enqueueMany(numbers))
      this.enqueued += batch
      // Not more than is worked off: what moves is to be small enough to move within the test.
      await this.app.ran(this.enqueued - 3 * batch)
    }
  }
}

describe('three stores at work on a Redis Cluster', { skip: !redis && 'no Redis server' }, () => {
  let cluster: RedisCluster
  let prefixes: readonly string[]

  before(async () => {
    cluster = await startCluster(redis!)
    prefixes = await prefixesByMaster(cluster)
  })
  after(() => cluster.stop())

  test('lose nothing while a slot moves to another node, and when a master dies', async (t) => {
    const waits = [1, 0, 0]
    const stores = await Promise.all(
      prefixes.map((prefix, index) => new LoadedStore(t, cluster, prefix, waits[index]!).start()),
    )
    const [dying, moving] = stores as [LoadedStore, LoadedStore, LoadedStore]

    const { slot } = await cluster.place(`{${prefixes[1]}}`)
    const move = await moveSlot(cluster, slot, cluster.nodes[1], cluster.nodes[2])
    while ((await move.keys(2)) > 0) await stores[2]!.goesOn()
    await move.finish()
    await moving.goesOn()

    await cluster.nodes[0].down('SIGKILL')
    await until('the replica has taken over', async () => {
      await stores[2]!.goesOn()
      return ((await command(cluster.nodes[3].port, 'role')) as string[])[0] === 'master'
    })
    // It comes back as a replica of the one that has taken over, and can be waited for again.
    await cluster.nodes[0].up()
    await dying.goesOn()

    for (const store of stores) await store.finish()
    const succeeded = await Promise.all(stores.map(({ app }) => app.drained()))
    const others = new Set(stores[2]!.app.runs.values())

    assert.ok(stores.every(({ enqueued }, index) => succeeded[index]! >= enqueued))
    assert.deepEqual(others, new Set([1]), 'a store that nothing happened to ran each job once')
    assert.equal(((await command(cluster.nodes[0].port, 'role')) as string[])[0], 'slave')
  })
})
