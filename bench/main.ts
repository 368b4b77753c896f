/** `npm run bench`: Errand beside its peers, same machine, same run. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { findRedis } from '../test/servers.ts'
import { type EngineName, engineNames } from './engines/engine.ts'
import { type Figure, figures, fullSizes, quickSizes } from './figures.ts'
import { describeMachine } from './machine.ts'
import { measure, type Run } from './measure.ts'
import { machineText, rows, tableHead, tableText } from './report.ts'

const usage = `npm run bench -- [options] [figure ...]

Measures the figures whose names begin with one of the words given, or all.

  --quick          small sizes, fewer pairs: all within five minutes
  --json           a line of JSON for each row; machine, versions and settings go to stderr
  --pairs <n>      how often each side is measured (default 5, with --quick 2)
  --sides <names>  only these, such as errand,bullmq (default errand,plainjob,bullmq)
  --folder <path>  where the stores are (default bench/.stores)
  --list           the names of the figures

A row that misses its target says so; the exit code stays 0. It is 1 when a figure could not be measured.`

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    pairs: { type: 'string' },
    sides: { type: 'string', default: engineNames.join(',') },
    folder: { type: 'string', default: path.join(import.meta.dirname, '.stores') },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

async function main(): Promise<void> {
  const sizes = options.quick ? quickSizes : fullSizes
  const all = figures(sizes)
  const wanted = all.filter(({ name }) => words.length === 0 || words.some((word) => name.startsWith(word)))
  const sides = readSides(options.sides)
  const pairs = Number(options.pairs ?? (options.quick ? 2 : 5))

  if (options.help) return console.log(usage)
  if (options.list) return console.log(all.map(({ name, says }) => `${name.padEnd(24)} ${says}`).join('\n'))
  if (wanted.length === 0) throw new Error(`No figure begins with "${words.join('" or "')}". See --list.`)
  if (!(Number.isInteger(pairs) && pairs > 0))
    throw new Error(`Expected --pairs to be a whole number, got "${options.pairs}".`)

  const redis = sides.includes('bullmq') ? await findRedis() : undefined
  const engines = sides.filter((side) => side !== 'bullmq' || redis !== undefined)

  fs.mkdirSync(options.folder, { recursive: true })
  const folder = fs.mkdtempSync(path.join(options.folder, 'run-'))
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))

  const head = `${machineText(await describeMachine(engines, folder, redis))}\nmedians of ${pairs} turns a side\n`
  if (options.json) console.error(head)
  else console.log(`${head}\n${tableHead}`)

  const run: Run = { folder, pairs, engines, redis, backlogJobs: sizes.backlog, progress }
  for (const figure of wanted) await report(figure, run)
  progress('')
  warnOfLoad()
}

/** Two sides of unequal need suffer unequally: Redis and its worker want two cores, the others one. */
function warnOfLoad(): void {
  const [, load] = os.loadavg()
  if (load! > os.cpus().length * 1.25)
    console.error(`The machine was busy with other things (load ${load!.toFixed(1)}): measure again.`)
}

async function report(figure: Figure, run: Run): Promise<void> {
  const engines = [figure.ours, ...figure.beside.map(({ contender }) => contender)].map(({ engine }) => engine)
  if (!engines.some((engine) => run.engines.includes(engine))) return

  try {
    const found = rows(figure, await measure(figure, run))
    progress('')
    console.log(options.json ? found.map((row) => JSON.stringify(row)).join('\n') : tableText(figure, found))
  } catch (error) {
    progress('')
    console.error(`${figure.name} could not be measured: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  }
}

function readSides(text: string): EngineName[] {
  const names = text.split(',')
  const unknown = names.find((name) => !engineNames.some((known) => known === name))
  if (unknown !== undefined) throw new Error(`Unknown side "${unknown}". There are: ${engineNames.join(', ')}.`)

  return engineNames.filter((name) => names.includes(name))
}

/** What is being done now, on a terminal only, overwritten by what comes next. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}

main().catch((error: Error) => {
  console.error(error.message)
  process.exit(1)
})
