import { execFileSync, spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { ended, findRedis, freePort, printed } from '../../test/servers.ts'
import type { OpenStore, Stores, Template } from './stores.ts'

export const durabilities = ['no', 'everysec', 'always'] as const
/** Whether Redis writes a log of its commands, and when it is synced. */
export type Durability = (typeof durabilities)[number]

const dump = 'dump.rdb'

/** A server for each turn. */
export async function redisStores(options: { folder: string; durability: Durability }): Promise<Stores | undefined> {
  const program = await findRedis()
  if (program === undefined) return undefined
  const { folder, durability } = options

  return {
    version: /v=(\S+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[1] ?? 'unknown',
    settings: `no snapshots, appendonly ${durability === 'no' ? 'no' : `yes, appendfsync ${durability}`}; the same for all sides`,
    async open(template) {
      const place = mkdtempSync(path.join(folder, 'redis-'))
      if (template) copyFileSync(await filled(program, folder, template), path.join(place, dump))
      const server = await startServer(program, place)
      if (durability !== 'no') await appendOnly(server.address, durability)

      return server
    },
    close: async () => {},
  }
}

/** On a server without the log; it begins when all is loaded. */
async function startServer(program: string, place: string): Promise<OpenStore> {
  const port = await freePort()
  const where = ['--port', String(port), '--bind', '127.0.0.1', '--dir', place, '--dbfilename', dump]
  const child = spawn(program, [...where, '--save', '', '--appendonly', 'no'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const killAtExit = () => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  await printed(child, 'Ready to accept connections')

  return {
    address: `redis://127.0.0.1:${port}`,
    async close() {
      await ended(child)
      process.off('exit', killAtExit)
      rmSync(place, { recursive: true, force: true })
    },
  }
}

/** The file of a filled server: made when it is first asked for. */
async function filled(program: string, folder: string, { name, fill }: Template): Promise<string> {
  const file = path.join(folder, `${name}.rdb`)
  if (existsSync(file)) return file

  const place = mkdtempSync(path.join(folder, 'redis-'))
  const server = await startServer(program, place)
  await fill(server.address)
  await talk(server.address, (redis) => redis.save())
  renameSync(path.join(place, dump), file)
  await server.close()

  return file
}

async function appendOnly(address: string, durability: Durability): Promise<void> {
  await talk(address, async (redis) => {
    await redis.config('SET', 'appendfsync', durability)
    await redis.config('SET', 'appendonly', 'yes')
    // The log begins with what is there.
    while (!/aof_rewrite_in_progress:0[^]*aof_rewrite_scheduled:0/.test(await redis.info('persistence')))
      await sleep(20)
  })
}

async function talk(address: string, about: (redis: Redis) => Promise<unknown>): Promise<void> {
  const redis = new Redis(address)
  await about(redis)
  redis.disconnect()
}
