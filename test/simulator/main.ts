/**
 * Plays histories: `npm run simulate -- --seeds n [--seed s] [--engine memory|sqlite] [--planted [name]]`.
 * Ends with 1 if a promise was broken.
 */
import { parseArgs } from 'node:util'
import { benchPlanted } from './planted.ts'
import { engines, type Engine } from './place.ts'
import { playMany, replay } from './campaign.ts'

const usage = `npm run simulate -- [options]

  --seeds N       how many histories (default 1000)
  --seed N        the first seed (default: another each time); alone, that history is told line by line
  --engine NAME   ${engines.join(' or ')} (default memory)
  --parts N       how many processes share the seeds (default 1)
  --planted       plants bugs in copies of src, and counts the seeds until each is caught
  --only NAME     of the planted bugs only those whose name contains this
  --until         ends with the first history that breaks a promise
  --json          prints the summary as JSON`

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    seed: { type: 'string' },
    engine: { type: 'string', default: 'memory' },
    parts: { type: 'string', default: '1' },
    planted: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    until: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

function whole(text: string, option: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0) return value
  throw new Error(`Expected ${option} to be a whole number, got "${text}".`)
}

function engineNamed(name: string): Engine {
  const engine = engines.find((each) => each === name)
  if (engine) return engine
  throw new Error(`"${name}" is no engine of the simulator. There are: ${engines.join(', ')}.`)
}

/** An error's stack is for people, and costs more than the history around it. */
if (values.seeds !== undefined) Error.stackTraceLimit = 0

async function main(): Promise<boolean> {
  if (values.help) {
    console.log(usage)
    return true
  }
  const engine = engineNamed(values.engine)
  const seeds = whole(values.seeds ?? (values.planted ? '1500' : '1000'), '--seeds')
  if (values.planted) return benchPlanted({ seeds, only: values.only })
  if (values.seed !== undefined && values.seeds === undefined) return replay(whole(values.seed, '--seed'), engine)

  const first = values.seed === undefined ? Math.floor(Date.now() / 10) % 1_000_000_000 : whole(values.seed, '--seed')
  const { until: untilCaught, json } = values
  return playMany({ first, seeds, engine, untilCaught, json, parts: whole(values.parts, '--parts') })
}

process.exit((await main()) ? 0 : 1)
