/** The engines under test: how a process opens one, with settings that a URL cannot say. Each is loaded when it is meant. */
import type { Store } from 'errand'
import type { Env } from '../../src/env.ts'

/** How much a store promises about power cuts: all that it can, or less, to see that the cuts are real. */
export type Synchronous = 'full' | 'normal'

export interface Engine {
  /** What it is set to in these lanes, for the table's head. */
  readonly durability: string
  /** Whose wall clock decides when a job is due. */
  readonly clock: 'process' | 'server'
  /** `synchronous` is the process's to choose only where there is no server. */
  readonly open: (place: string, env: Env, synchronous: Synchronous) => Promise<Store>
}

/** Those whose store several processes can share. */
export const engines: Readonly<Record<string, Engine>> = {
  sqlite: {
    durability: 'synchronous=FULL',
    clock: 'process',
    async open(path, env, synchronous) {
      const { SqliteStore } = await import('../../src/store/sqlite/sqlite.ts')
      return new SqliteStore({ path, env, synchronous })
    },
  },
  redis: {
    durability: 'appendonly yes, appendfsync always',
    clock: 'server',
    async open(url, env) {
      const { RedisStore } = await import('../../src/store/redis/redis.ts')
      return RedisStore.open({ url, env })
    },
  },
  postgres: {
    durability: 'fsync=on, synchronous_commit=on',
    clock: 'server',
    async open(url, env) {
      const { PostgresStore } = await import('../../src/store/postgres/postgres.ts')
      return new PostgresStore({ url, env })
    },
  },
}
