/** `npm run bench`: Errand beside its peers, same machine, same run. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type Contender, type Figure, fullSizes, quickSizes, type Sizes } from './figures/figure.ts'
import { figures } from './figures/figures.ts'
import { describeMachine } from './machine.ts'
import { measure, presentIn, type Run } from './measure.ts'
import { findPython } from './python/python.ts'
import { machineText, rows, tableHead, tableText } from './report.ts'
import { engineNames, isPython, sideNames } from './sides/names.ts'
import { durabilities } from './stores/redis.ts'
import { openStores, type StoreOptions } from './stores/stores.ts'

const usage = `npm run bench -- [options] [figure ...]

Measures the figures whose names begin with one of the words given, or all.

  --engine <names>     what Errand runs on (default ${engineNames.join(',')})
  --quick              small sizes, fewer pairs
  --json               a line of JSON for each row; machine, versions and settings go to stderr
  --pairs <n>          how often each side is measured (default 5, with --quick 2)
  --sides <names>      only these (default ${sideNames.join(',')})
  --durability <name>  Redis's appendonly, for all sides: ${durabilities.join(', ')} (default no)
  --folder <path>      where stores in files are (default bench/.stores)
  --list               the names of the figures

A row that misses its target says so; the exit code stays 0. It is 1 when a figure could not be measured.`

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: 'string', default: engineNames.join(',') },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    pairs: { type: 'string' },
    sides: { type: 'string', default: sideNames.join(',') },
    durability: { type: 'string', default: 'no' },
    folder: { type: 'string', default: path.join(import.meta.dirname, '.stores') },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

async function main(): Promise<void> {
  const sizes = options.quick ? quickSizes : fullSizes
  const all = figures(readNames('engine', options.engine, engineNames), sizes)
  const wanted = all.filter(({ name }) => words.length === 0 || words.some((word) => name.startsWith(word)))

  if (options.help) return console.log(usage)
  if (options.list) return console.log(all.map(listed).join('\n'))
  if (wanted.length === 0) throw new Error(`No figure begins with "${words.join('" or "')}". See --list.`)

  await measureAll(wanted, sizes)
}

async function measureAll(wanted: readonly Figure[], sizes: Sizes): Promise<void> {
  const pairs = readPairs()
  const [durability] = readNames('durability', options.durability, durabilities)
  const folder = makeFolder()
  const { contenders, python } = contendersOf(wanted)
  const stores = await openStoresOf(contenders, { folder, durability: durability! })
  const sides = new Set(contenders.map(({ side }) => side))
  const run: Run = { pairs, sides, stores, backlogJobs: sizes.backlog, schedules: sizes.schedules, progress }

  const machine = await describeMachine({ contenders, stores, folder, python })
  const head = `${machineText(machine)}\nmedians of ${pairs} turns a side\n`
  if (options.json) console.error(head)
  else console.log(`${head}\n${tableHead}`)

  for (const figure of wanted) await report(figure, run)
  for (const each of Object.values(stores)) await each.close()
  progress('')
  warnOfLoad()
}

function listed({ engine, name, says }: Figure): string {
  return `${engine.padEnd(9)} ${name.padEnd(28)} ${says}`
}

function makeFolder(): string {
  fs.mkdirSync(options.folder, { recursive: true })
  const folder = fs.mkdtempSync(path.join(options.folder, 'run-'))
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))

  return folder
}

/** Those that were asked for, without what cannot be had here. */
function contendersOf(wanted: readonly Figure[]) {
  const asked = readNames('side', options.sides, sideNames)
  const all = wanted.flatMap(({ ours, beside }) => [ours, ...beside.map(({ contender }) => contender)])
  const contenders = all.filter(({ side }) => asked.includes(side))
  const python = contenders.some(({ side }) => isPython(side)) ? findPython() : undefined
  // For the children that are such a side.
  if (python !== undefined) process.env.PYTHON = python.program

  return { contenders: contenders.filter(({ side }) => python !== undefined || !isPython(side)), python }
}

async function openStoresOf(contenders: readonly Contender[], storeOptions: StoreOptions): Promise<Run['stores']> {
  const stores: Run['stores'] = {}
  for (const engine of new Set(contenders.map((contender) => contender.engine))) {
    const opened = await openStores(engine, storeOptions)
    if (opened) stores[engine] = opened
  }

  return stores
}

/** Two sides of unequal need suffer unequally: a server and its worker want two cores, the others one. */
function warnOfLoad(): void {
  const [, load] = os.loadavg()
  if (load! > os.cpus().length * 1.25)
    console.error(`The machine was busy with other things (load ${load!.toFixed(1)}): measure again.`)
}

async function report(figure: Figure, run: Run): Promise<void> {
  if (presentIn(run, figure).length === 0) return

  try {
    const found = rows(figure, await measure(figure, run))
    progress('')
    console.log(options.json ? found.map((row) => JSON.stringify(row)).join('\n') : tableText(figure, found))
  } catch (error) {
    progress('')
    const reason = error instanceof Error ? error.message : String(error)
    console.error(`${figure.engine} ${figure.name} could not be measured: ${reason}`)
    process.exitCode = 1
  }
}

function readPairs(): number {
  const pairs = Number(options.pairs ?? (options.quick ? 2 : 5))
  if (!(Number.isInteger(pairs) && pairs > 0))
    throw new Error(`Expected --pairs to be a whole number, got "${options.pairs}".`)

  return pairs
}

/** In the order of the known ones. */
function readNames<T extends string>(what: string, text: string, known: readonly T[]): T[] {
  const names = text.split(',')
  const unknown = names.find((name) => !known.some((each) => each === name))
  if (unknown !== undefined) throw new Error(`Unknown ${what} "${unknown}". There are: ${known.join(', ')}.`)

  return known.filter((name) => names.includes(name))
}

/** What is being done now, on a terminal only, overwritten by what comes next. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}

main().catch((error: Error) => {
  console.error(error.message)
  process.exit(1)
})
