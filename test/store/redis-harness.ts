/** Redis stores for the suites that all engines pass: one server for all, a prefix for each. */
import type { StoreHarness } from '../../src/testing/conformance/harness.ts'
import type { ManualEnv } from '../../src/testing/manual-env.ts'
import type { Env } from '../../src/env.ts'
import { openConnection } from '../../src/store/redis/connection/open-connection.ts'
import { RedisStore } from '../../src/store/redis/redis.ts'
import { startRedis } from '../servers.ts'

export async function redisHarness(program: string): Promise<StoreHarness> {
  const server = await startRedis(program)
  const prefixes = new WeakMap<object, string>()
  let stores = 0

  async function opened(prefix: string, env: Env): Promise<RedisStore> {
    const connection = await openConnection({ url: server.url, prefix })
    // A world that stands still cannot wait for a connection that is only being made.
    await connection.subscribe([`{${prefix}}:warm`], () => {})
    const store = new RedisStore(connection, { env, clock: clockOf(env) })
    prefixes.set(store, prefix)
    const manual = env as ManualEnv
    const before = manual.onIdle
    // Two handles may share one world.
    manual.onIdle = async () => void (await Promise.all([before?.(), connection.quiet()]))
    return store
  }

  return {
    name: 'redis',
    open: (env) => opened(`store-${++stores}`, env),
    again: (store, env) => opened(prefixes.get(store)!, env),
    cleanup: () => server.stop(),
  }
}

/** A server's clock goes on when a machine of ours starts again, which its leases notice as silence. */
function clockOf(env: Env): () => { now: number; monotonic: number } {
  const boot = Number(env.bootId.replace(/\D/g, ''))
  return () => ({ now: env.now(), monotonic: env.monotonic() + boot * 1e9 })
}
