/** Scripts small enough to see from their answers how often they ran. */
import { createHash } from 'node:crypto'
import { UnknownOutcomeError } from '../../src/errors.ts'
import type { Script } from '../../src/store/redis/connection/connection.ts'
import { command } from '../redis-servers.ts'

export function script(name: string, source: string): Script {
  return { name, source, sha1: createHash('sha1').update(source).digest('hex') }
}

/** Counts its runs. */
export const count = script('count', `#!lua\nreturn redis.call('incrby', KEYS[1], ARGV[1])`)

/** Adds a member: like an insert, it may be repeated. 1 if it was not there. */
export const add = script('add', `#!lua\nreturn redis.call('sadd', KEYS[1], ARGV[1])`)

/** Writes two keys, the second made from the first. */
export const both = script(
  'both',
  `#!lua\nlocal n = redis.call('incr', KEYS[1])\nreturn {n, redis.call('incr', KEYS[1] .. ':' .. ARGV[1])}`,
)

/** Gives back what it is given. */
export const heard = script('heard', `#!lua flags=no-writes\nreturn ARGV[1]`)

/** Ends every connection to the server but the one that says so. */
export async function killAll(port: number): Promise<void> {
  await command(port, 'client', 'kill', 'type', 'normal')
  await command(port, 'client', 'kill', 'type', 'pubsub')
}

/** Repeats what is of unknown outcome: right at the death of a server there may be one such call. */
export async function untilAnswered<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof UnknownOutcomeError)) throw error
    }
  }
}
