/** What a scene's store stands on: a file, or a server that faults can be made to. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { findPostgres, findRedis } from '../servers.ts'
import type { Synchronous } from './engine.ts'
import { postgresGround } from './ground-postgres.ts'
import { redisGround } from './ground-redis.ts'

export interface Ground {
  /** By what name processes open the store. */
  readonly place: string
  readonly server?: GroundServer
  /** Whether somebody is in the act of writing: one who is frozen then keeps all others waiting. */
  isLocked(): boolean
  close(): Promise<void>
}

export interface GroundServer {
  readonly port: number
  /** The store as reached by another port of this machine, by somebody who soon notices that nothing comes back. */
  placeBy(port: number): string
  down(how: 'in good order' | 'killed'): Promise<void>
  up(): Promise<void>
  /** Ends every connection that a client has to it. */
  endConnections(): Promise<void>
}

export interface GroundOptions {
  /** Where the store, or its server's data, is to lie. */
  readonly folder: string
  /** The folder is a disk of its own, which the server must not share with others. */
  readonly ownDisk: boolean
  readonly synchronous: Synchronous
}

const grounds: Readonly<Record<string, (options: GroundOptions) => Promise<Ground>>> = {
  sqlite: async ({ folder }) => sqliteGround(join(folder, 'errand.db')),
  redis: redisGround,
  postgres: postgresGround,
}

/** Why there is none on this machine, or undefined. */
export async function whyNoGround(engine: string): Promise<string | undefined> {
  if (engine === 'redis' && (await findRedis()) === undefined) return 'there is no Redis server'
  if (engine === 'postgres' && (await findPostgres()) === undefined) return 'there is no PostgreSQL server'

  return undefined
}

export const groundFor = (engine: string, options: GroundOptions): Promise<Ground> => grounds[engine]!(options)

function sqliteGround(place: string): Ground {
  return { place, isLocked: () => isFileLocked(place), close: async () => {} }
}

function isFileLocked(path: string): boolean {
  const db = new DatabaseSync(path, { timeout: 0 })
  try {
    db.exec('begin immediate; rollback')
    return false
  } catch (error) {
    if ((error as { errcode?: number }).errcode === 5) return true
    throw error
  } finally {
    db.close()
  }
}
