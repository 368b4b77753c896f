/**
 * Breaks the system on purpose, and says what came of it: `npm run faults -- --engine sqlite
 * [--only NAME] [--kills N] [--minutes N] [--seed N] [--short]`. Ends with 1 if a promise was not kept.
 */
import { parseArgs } from 'node:util'
import { lanes, lanesOf } from './lanes.ts'
import type { LaneOptions, LaneResult } from './lane.ts'
import { engines } from './engine.ts'
import { closePostgres } from './ground-postgres.ts'
import { table } from './table.ts'

const usage = `npm run faults -- [options]

  --engine NAME   which engine: ${Object.keys(engines).join(', ')} (default sqlite)
  --only NAME     one fault; may be given again (default all)
                  ${Object.keys(lanes).join(', ')}
  --kills N       how many processes are killed (default 200)
  --minutes N     how long the calm lasts, and each of the faults that strike a server again and again (default 1)
  --seed N        to choose as that run did (default: another each time)
  --short         only the few seconds of each that npm test runs`

function read(): LaneOptions & { readonly only: readonly string[] } {
  const { values } = parseArgs({
    options: {
      engine: { type: 'string', default: 'sqlite' },
      only: { type: 'string', multiple: true },
      kills: { type: 'string', default: '200' },
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      short: { type: 'boolean', default: false },
    },
  })
  const { engine, short } = values
  if (!(engine in engines)) {
    throw new Error(
      `"${engine}" is no engine that several processes can share. There are: ${Object.keys(engines).join(', ')}.`,
    )
  }
  const only = values.only ?? lanesOf(engine)
  const unknown = only.find((name) => !lanesOf(engine).includes(name))
  if (unknown !== undefined)
    throw new Error(`No fault of ${engine} is named "${unknown}". There are: ${lanesOf(engine).join(', ')}.`)

  return {
    engine,
    only,
    short,
    kills: whole(values.kills, '--kills'),
    minutes: Number(values.minutes),
    seed: whole(values.seed, '--seed'),
  }
}

function whole(text: string, option: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0) return value

  throw new Error(`Expected ${option} to be a whole number, got "${text}".`)
}

async function playAll({ only, ...options }: ReturnType<typeof read>): Promise<LaneResult[]> {
  const results: LaneResult[] = []
  for (const name of only) {
    const startedAt = performance.now()
    console.error(`${name} ...`)
    results.push(...(await lanes[name]!(options).catch(endedEarly(name))))
    console.error(`${name}: ${Math.round((performance.now() - startedAt) / 1000)} s`)
  }

  return results
}

/** A lane that could not be played to its end has not kept its promise; the others are played all the same. */
const endedEarly = (fault: string) => (error: Error) => [
  {
    fault,
    times: 0,
    acknowledged: 0,
    lost: 0,
    doubled: 0,
    repeated: 0,
    late: 0,
    recoveryP99Ms: 0,
    broken: [error.message],
  },
]

async function main(): Promise<number> {
  if (process.argv.includes('--help')) {
    console.log(usage)
    return 0
  }
  const options = read()
  const results = await playAll(options).finally(closePostgres)
  const { durability } = engines[options.engine]!
  const length = options.short ? 'short lanes' : 'whole lanes'
  console.log(`\nengine ${options.engine} (${durability}), seed ${options.seed}, ${length}\n`)
  console.log(table(results))

  return results.some((result) => 'broken' in result && result.broken.length > 0) ? 1 : 0
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
