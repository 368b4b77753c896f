/** Where the stores of a run are: for every turn a fresh one, of the kind its side needs. */
import type { EngineName } from '../sides/names.ts'
import { fileStores } from './files.ts'
import { postgresStores } from './postgres.ts'
import { type Durability, redisStores } from './redis.ts'

export interface OpenStore {
  /** What a side is told: a folder, or the address of a store of its own. */
  readonly address: string
  close(): Promise<void>
}

/** A store that takes long to fill: filled when first asked for, then copied. */
export interface Template {
  readonly name: string
  readonly fill: (address: string) => Promise<void>
}

export interface Stores {
  /** The server's version, and the settings that matter to a comparison. */
  readonly version: string
  readonly settings: string
  open(template?: Template): Promise<OpenStore>
  close(): Promise<void>
}

export interface StoreOptions {
  /** For files, and for what is kept between turns. */
  folder: string
  durability: Durability
}

/** Undefined where the server's program is missing; a line has then said so. */
export function openStores(engine: EngineName, options: StoreOptions): Promise<Stores | undefined> {
  switch (engine) {
    case 'sqlite':
      return fileStores(options)
    case 'redis':
      return redisStores(options)
    case 'postgres':
      return postgresStores()
  }
}
