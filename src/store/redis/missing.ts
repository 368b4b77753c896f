/** Whether a store is there, asked without making one. */
import { openConnection } from './connection/open-connection.ts'
import type { RedisOptions } from './connection/options.ts'

/** Whatever a store has ever been asked to keep, one of these has been written. */
const telling = ['meta', 'queues', 'schedules']

/** What is missing, for people, or undefined. @throws what opening the store would */
export async function missing(options: RedisOptions): Promise<string | undefined> {
  const connection = await openConnection(options)
  try {
    const { prefix, where } = connection
    const found = await connection.command('exists', ...telling.map((name) => `{${prefix}}:${name}`))
    if (Number(found) > 0) return undefined

    return `There is no store with the prefix "${prefix}" at ${where}: no process has made one there, or the server has lost its data.`
  } finally {
    await connection.close()
  }
}
