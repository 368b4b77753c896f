/** What is used of `ioredis`, which is loaded when a Redis store is first opened and may be missing. */
import type { Socket } from 'node:net'
import { loadOptional } from '../../optional-package.ts'

/** A client of ioredis, as narrow as it is used. One of these serves one connection and is then thrown away. */
export interface RedisClient {
  readonly status: string
  readonly options: object
  readonly stream?: Socket
  connect(): Promise<void>
  call(command: string, args: readonly Argument[]): Promise<unknown>
  disconnect(): void
  on(event: 'close' | 'end', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'message', listener: (channel: string, message: string) => void): unknown
}

/** A client of the user's own: a `Redis` or a `Cluster` of ioredis, whatever its settings. */
export interface UserClient {
  readonly status: string
  readonly options: object
  connect(): Promise<void>
}

export type Argument = string | number

/** Makes a client that is not connected yet. */
export type MakeClient = (options: Readonly<Record<string, unknown>>) => RedisClient

/** @throws StoreOpenError when ioredis is not there, or is of no use */
export async function loadPeer(): Promise<MakeClient> {
  const wanted = { name: 'ioredis', engine: 'Redis', oldest: '5.4' }
  const { Redis } = await loadOptional(
    wanted,
    () => import('ioredis'),
    (loaded) => typeof loaded.Redis === 'function' && isClient(loaded.Redis.prototype),
  )

  return (options) => new Redis(options) as unknown as RedisClient
}

/** Other clients connect too, and cannot be asked in the same way. */
export function isClient(client: unknown): boolean {
  const { connect, call, duplicate } = client as Readonly<Record<string, unknown>>

  return [connect, call, duplicate].every((member) => typeof member === 'function')
}
