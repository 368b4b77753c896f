/** The few seconds of a fault that `npm test` runs, on every engine that several processes can share. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Lane } from './lane.ts'
import { engines } from './engine.ts'

/** Another seed tries other moments: `ERRAND_FAULTS_SEED=7 npm test faults`. */
const seed = Number(process.env['ERRAND_FAULTS_SEED'] ?? 1)

export function shortLane(promise: string, lane: Lane): void {
  const wanted = (process.env['ENGINES'] ?? Object.keys(engines).join()).split(',')
  for (const engine of Object.keys(engines).filter((name) => wanted.includes(name))) {
    test(`${engine}: ${promise}`, async (t) => {
      const results = await lane({ engine, seed, short: true, kills: 0, minutes: 0 })

      for (const result of results) {
        if ('skipped' in result) return t.skip(`${result.fault}: ${result.skipped}`)
        t.diagnostic(`${result.fault}: ${JSON.stringify({ ...result, fault: undefined, broken: undefined })}`)
        assert.deepEqual(result.broken, [], result.fault)
      }
    })
  }
}
