/** The histories that `npm test` plays: shares of them in processes of their own, one test each. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { points } from '../../src/env.ts'
import { inChild, leastDeaths, type Summary } from './campaign.ts'
import { happenings } from './happenings.ts'
import type { Engine } from './place.ts'

export interface Share {
  readonly engine: Engine
  /** Each file has seeds of its own. */
  readonly first: number
  readonly tests: number
  readonly each: number
}

/** Other seeds play other histories: `ERRAND_SIMULATOR_SEED=5000000 npm test simulator`. */
const offset = Number(process.env['ERRAND_SIMULATOR_SEED'] ?? 0)

export function shareOfHistories({ engine, first, tests, each }: Share): void {
  const wanted = (process.env['ENGINES'] ?? engine).split(',').includes(engine)
  const skip = wanted ? false : `ENGINES leaves ${engine} out`
  const summaries: Summary[] = []

  for (let index = 0; index < tests; index++) {
    const from = offset + first + index * each
    test(`${engine}: no promise is broken in ${each} histories from seed ${from}`, { skip }, async () => {
      const summary = await inChild({ first: from, seeds: each, engine })
      summaries.push(summary)

      assert.deepEqual(
        summary.broken.map(
          ({ seed, promise, what }) => `npm run simulate -- --engine ${engine} --seed ${seed}: ${promise} ${what}`,
        ),
        [],
      )
      assert.equal(summary.seeds, each)
    })
  }

  const sum = (of: (summary: Summary) => number) => summaries.reduce((total, summary) => total + of(summary), 0)

  test(`${engine}: a history has 300 store calls and two faults, and more`, { skip }, () => {
    const histories = sum(({ seeds }) => seeds)

    assert.ok(sum(({ calls }) => calls) / histories >= 300)
    assert.ok(sum(({ faults }) => faults) / histories >= 2)
  })

  test(`${engine}: processes die at every named point`, { skip }, () => {
    // A history on real SQLite costs some fifteen in memory, so there are too few to ask for more than one.
    const least = engine === 'memory' ? leastDeaths : 1
    const seldom = points.filter((point) => sum((summary) => summary.points[point].died) < least)

    assert.deepEqual(seldom, [])
  })

  test(`${engine}: lines are held, rates closed, batches filled and ticks passed over`, { skip }, () => {
    const least = engine === 'memory' ? leastDeaths : 1
    const seldom = happenings.filter((name) => sum(({ howOften }) => howOften[name]) < least)

    assert.deepEqual(seldom, [])
  })

  after(() => {
    const histories = sum(({ seeds }) => seeds)
    const cpu = sum(({ cpuMs }) => cpuMs) / Math.max(1, histories)
    if (histories > 0) console.log(`${engine}: ${histories} histories, ${cpu.toFixed(1)} ms of CPU each`)
  })
}
