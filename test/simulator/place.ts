/** Where the jobs of a history are kept, and how each actor reaches them. */
import { mkdtempSync, rmSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { SqliteStore } from '../../src/store/sqlite/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { Actor, envOf, type PassPoint } from './actor.ts'
import type { World } from './world.ts'

export const engines = ['memory', 'sqlite'] as const
export type Engine = (typeof engines)[number]

export interface Place {
  /** Reads the truth, and is never at fault. */
  readonly observer: Store
  /** The store as a new process of an actor opens it. */
  open(actor: Actor): Store
  end(): Promise<void>
}

export function openPlace(engine: Engine, world: World, passPoint: PassPoint): Place {
  return engine === 'memory' ? memoryPlace(world, passPoint) : sqlitePlace(world, passPoint)
}

/** One store for all: it lives on when a caller dies, and the points in it are the caller's. */
function memoryPlace(world: World, passPoint: PassPoint): Place {
  const server = new Actor(world, 'server', 'server')
  const env = envOf(() => server, passPoint, { name: 'server', offset: false })
  const callers = envOf(() => world.caller ?? server, passPoint, { name: 'server', offset: false })
  const store = new MemoryStore({ env: { ...env, point: callers.point } })

  return { observer: store, open: () => store, end: () => store.close() }
}

/** Memory where there is some: a history waits for no disk, and its crashes are not those of power. */
const shared = '/dev/shm'
/** Told instead of asked: the file is opened some ten times in a history. */
const tmpfs = 0x01021994

/** One file, and a connection for each process. */
function sqlitePlace(world: World, passPoint: PassPoint): Place {
  const folder = mkdtempSync(join(existsSync(shared) ? shared : tmpdir(), 'errand-simulator-'))
  const opened: { store: SqliteStore; actor: Actor }[] = []
  const open = (actor: Actor) => {
    const env = envOf(() => actor, passPoint, { name: actor.name, offset: false })
    const store = new SqliteStore({
      path: join(folder, 'errand.db'),
      env,
      synchronous: 'normal',
      ballastBytes: 0,
      fileSystemType: () => tmpfs,
    })
    opened.push({ store, actor })
    return store
  }

  return {
    observer: open(new Actor(world, 'server', 'observer')),
    open,
    end: async () => {
      // What dead processes left open is closed in their stead.
      for (const { actor } of opened) Object.assign(actor, { dead: false, frozenUntil: -Infinity })
      const closed = Promise.all(opened.map(({ store }) => store.close()))
      let done = false
      void closed.then(() => (done = true))
      await world.goOn(60_000, () => done)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
