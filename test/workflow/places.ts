/** The stores that the promises about workflows are held on: each engine that can be had here. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext } from 'node:test'
import { Errand, type Worker } from '../../src/index.ts'
import { findPostgres, findRedis, startPostgres, startRedis } from '../servers.ts'

export interface Place {
  readonly engine: string
  /** Why it cannot be had here. */
  readonly skip: string | false
  /** A store of its own for each test. */
  url(): string
}

export async function places(): Promise<Place[]> {
  const folder = mkdtempSync(join(tmpdir(), 'errand-workflows-'))
  const redisProgram = await findRedis()
  const postgresProgram = await findPostgres()
  const redis = redisProgram === undefined ? undefined : await startRedis(redisProgram)
  const postgres = postgresProgram === undefined ? undefined : await startPostgres(postgresProgram, ['fsync=off'])
  let count = 0
  after(async () => {
    await redis?.stop()
    await postgres?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  return [
    { engine: 'memory', skip: false, url: () => 'memory:' },
    { engine: 'sqlite', skip: false, url: () => `sqlite:${join(folder, `${++count}.db`)}` },
    { engine: 'redis', skip: !redis && 'no Redis server', url: () => `${redis!.url}?prefix=w${++count}` },
    { engine: 'postgres', skip: !postgres && 'no PostgreSQL server', url: () => `${postgres!.url}?schema=w${++count}` },
  ]
}

/** An app on a store of its own, closed with the test. */
export function appAt(t: TestContext, place: Place): { errand: Errand; work: () => Promise<Worker> } {
  const errand = new Errand({ store: place.url() })
  t.after(() => errand.close())

  return { errand, work: () => errand.worker({ concurrency: 20, grace: '1s' }).start() }
}
