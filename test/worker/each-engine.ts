/**
 * Every engine, for what is shown of a worker on each of them. Those that need a server are left out, with a reason, where
 * none can be had.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { Errand, postgresStore, systemEnv, type ErrandOptions } from '../../src/index.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { findPostgres, findRedis, startPostgres, startRedis } from '../servers.ts'

type Open = (options?: ErrandOptions) => Errand

const [redisProgram, postgresProgram] = [await findRedis(), await findPostgres()]
const redis = redisProgram === undefined ? undefined : await startRedis(redisProgram)
const postgres = postgresProgram === undefined ? undefined : await startPostgres(postgresProgram, ['fsync=off'])
after(() => Promise.all([redis?.stop(), postgres?.stop()]))
let places = 0

/** A place of its own for each test. */
const engines: Record<string, ((t: TestContext) => NonNullable<ErrandOptions['store']>) | undefined> = {
  memory: () => new MemoryStore({ env: systemEnv() }),
  sqlite: (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'errand-worker-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    return `sqlite:${join(folder, 'jobs.db')}`
  },
  redis: redis && (() => `${redis.url}?prefix=test${places++}`),
  postgres: postgres && (() => postgresStore({ url: postgres.url, schema: `test${places++}` })),
}

/** Apps of one test share a store, and are closed with it. */
export function onEach(name: string, run: (open: Open) => Promise<void>): void {
  for (const [engine, place] of Object.entries(engines)) {
    const skip = place === undefined && `no ${engine} server`

    test(`${name} (${engine})`, { skip }, async (t) => {
      const apps: Errand[] = []
      t.after(() => Promise.all(apps.map((app) => app.close())))
      const store = place!(t)

      await run((options) => {
        const app = new Errand({ store, ...options })
        apps.push(app)
        return app
      })
    })
  }
}
