/** A Redis for each scene: it starts in a moment. */
import { command } from '../redis-servers.ts'
import { findRedis, startRedis } from '../servers.ts'
import type { Ground, GroundOptions } from './ground.ts'

const fsync = { full: 'always', normal: 'everysec' } as const
const impatient = 'connectTimeout=500&commandTimeout=500'

export const redisSettings = (synchronous: keyof typeof fsync): string[] => [
  '--appendonly',
  'yes',
  '--appendfsync',
  fsync[synchronous],
]

export async function redisGround({ folder, synchronous }: GroundOptions): Promise<Ground> {
  const program = await findRedis()
  if (program === undefined) throw new Error('There is no Redis server.')
  const server = await startRedis(program, redisSettings(synchronous), folder)
  const { port } = server

  return {
    place: server.url,
    isLocked: () => false,
    close: () => server.stop(),
    server: {
      port,
      placeBy: (by) => `redis://127.0.0.1:${by}/?${impatient}`,
      down: (how) => server.down(how === 'killed' ? 'SIGKILL' : 'SIGTERM'),
      up: () => server.up(),
      async endConnections() {
        await command(port, 'client', 'kill', 'type', 'normal')
        await command(port, 'client', 'kill', 'type', 'pubsub')
      },
    },
  }
}
