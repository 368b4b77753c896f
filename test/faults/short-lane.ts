/** The few seconds of a fault that `npm test` runs, on every engine that several processes can share. */
import assert from 'node:assert/strict'
import { after, describe, test, type TestContext } from 'node:test'
import type { Lane } from './lane.ts'
import { engines } from './engine.ts'
import { closePostgres } from './ground-postgres.ts'
import { whyNoGround } from './ground.ts'

/** Another seed tries other moments: `ERRAND_FAULTS_SEED=7 npm test faults`. */
const seed = Number(process.env['ERRAND_FAULTS_SEED'] ?? 1)

/** A lane waits half a minute where the machine is its own, and longer where it is not. */
const timeout = 150_000

export interface ShortLane {
  /** The engines that it is tried on. */
  readonly on: readonly string[]
  /** It mostly waits, so that all engines can be tried at the same time. @default false */
  readonly together?: boolean
}

export async function shortLane(promise: string, lane: Lane, { on, together = false }: ShortLane): Promise<void> {
  const wanted = (process.env['ENGINES'] ?? Object.keys(engines).join()).split(',')
  const engineNames = on.filter((name) => wanted.includes(name))
  // An installation may take longer than one test is allowed.
  const missing = new Map<string, string | undefined>()
  for (const engine of engineNames) missing.set(engine, await whyNoGround(engine))
  after(closePostgres)

  describe(promise, { concurrency: together }, () => {
    for (const engine of engineNames) {
      test(`${engine}: ${promise}`, { timeout, skip: missing.get(engine) ?? false }, (t) => play(lane, engine, t))
    }
  })
}

async function play(lane: Lane, engine: string, t: TestContext): Promise<void> {
  const results = await lane({ engine, seed, short: true, kills: 0, minutes: 0 })

  for (const result of results) {
    if ('skipped' in result) return t.skip(`${result.fault}: ${result.skipped}`)
    t.diagnostic(`${result.fault}: ${JSON.stringify({ ...result, fault: undefined, broken: undefined })}`)
    assert.deepEqual(result.broken, [], result.fault)
  }
}
