/** Many histories: how fast they went, where processes died in them, and what broke. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { points, type Point } from '../../src/env.ts'
import { happenings, never, type Happening, type HowOften } from './happenings.ts'
import type { Engine } from './place.ts'
import { play, type LedgerCounts, type Played } from './play.ts'
import { Died } from './world.ts'

export interface Campaign {
  readonly first: number
  readonly seeds: number
  readonly engine: Engine
  /** Ends with the first history that breaks a promise. */
  readonly untilCaught?: boolean
  /** How many processes share the seeds. */
  readonly parts?: number
  /** Prints the summary as JSON and nothing else. */
  readonly json?: boolean
}

export interface Broken {
  readonly seed: number
  readonly promise: string
  readonly what: string
}

export interface Summary {
  readonly engine: Engine
  seeds: number
  calls: number
  faults: number
  runs: number
  virtualMs: number
  cpuMs: number
  wallMs: number
  readonly broken: Broken[]
  /** Of all traces in their order: the same seeds give the same. */
  trace: string
  readonly points: Record<Point, { passed: number; died: number }>
  readonly howOften: HowOften
  readonly ledger: LedgerCounts
}

/** Each point is to be died at so often, and each rare thing to happen, where there are seeds enough to say so. */
export const leastDeaths = 50
const enoughSeeds = 5000

export async function playMany(campaign: Campaign): Promise<boolean> {
  const startedAt = performance.now()
  const { parts = 1, json = false } = campaign
  const summary = parts > 1 ? await inParts(campaign, parts) : await playHere(campaign)
  summary.wallMs = performance.now() - startedAt
  if (json) console.log(JSON.stringify(summary))
  else print(summary)

  return summary.broken.length === 0 && seldomDiedAt(summary).length + seldomHappened(summary).length === 0
}

export async function playHere({ first, seeds, engine, untilCaught = false }: Campaign): Promise<Summary> {
  const summary = emptySummary(engine)
  const cpu = process.cpuUsage()
  ignoreDeaths()
  for (let seed = first; seed < first + seeds; seed++) {
    add(summary, await play(seed, engine))
    if (untilCaught && summary.broken.length > 0) break
    // Between histories the event loop may turn.
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { user, system } = process.cpuUsage(cpu)
  summary.cpuMs = (user + system) / 1000

  return summary
}

/** Tells one history line by line. */
export async function replay(seed: number, engine: Engine): Promise<boolean> {
  ignoreDeaths()
  const { violation, ledger, hash, calls, faults } = await play(seed, engine, (line) => console.log(line))
  console.log(`\n${calls} calls, ${faults} faults, trace ${hash}, ledger ${JSON.stringify(ledger)}`)
  console.log(violation ? `BROKEN ${violation.promise}: ${violation.what}` : 'Every promise was kept.')

  return violation === undefined
}

export const unawaited = 'Nobody waited for this error, which would have ended a process:'

let ignoring = false

/** Where a point is passed in a callback of a promise, dying there rejects what nobody waits for. */
function ignoreDeaths(): void {
  if (ignoring) return
  ignoring = true
  process.on('unhandledRejection', (reason) => {
    if (reason instanceof Died) return
    console.error(unawaited, reason)
    process.exit(1)
  })
}

function emptySummary(engine: Engine): Summary {
  const counts = Object.fromEntries(points.map((point) => [point, { passed: 0, died: 0 }]))
  return {
    engine,
    seeds: 0,
    calls: 0,
    faults: 0,
    runs: 0,
    virtualMs: 0,
    cpuMs: 0,
    wallMs: 0,
    broken: [],
    trace: '',
    points: counts as Summary['points'],
    howOften: never(),
    ledger: { tried: 0, ok: 0, lost: 0, unexpected: 0, duplicated: 0, recovered: 0, absent: 0 },
  }
}

function add(
  summary: Summary,
  { seed, hash, violation, calls, faults, runs, virtualMs, coverage, howOften, ledger }: Played,
): void {
  summary.seeds++
  summary.trace = createHash('sha1')
    .update(summary.trace + hash)
    .digest('hex')
  summary.calls += calls
  summary.faults += faults
  summary.runs += runs
  summary.virtualMs += virtualMs
  if (violation) summary.broken.push({ seed, promise: violation.promise, what: violation.what })
  for (const [point, { passed, died }] of coverage) {
    summary.points[point].passed += passed
    summary.points[point].died += died
  }
  for (const name of happenings) summary.howOften[name] += howOften[name]
  for (const key of Object.keys(ledger) as (keyof LedgerCounts)[]) summary.ledger[key] += ledger[key]
}

async function inParts(campaign: Campaign, parts: number): Promise<Summary> {
  const share = Math.ceil(campaign.seeds / parts)
  const summaries = await Promise.all(
    Array.from({ length: parts }, (_, part) =>
      inChild({
        ...campaign,
        first: campaign.first + part * share,
        seeds: Math.min(share, campaign.seeds - part * share),
      }),
    ),
  )
  const total = emptySummary(campaign.engine)
  for (const each of summaries) {
    for (const key of ['seeds', 'calls', 'faults', 'runs', 'virtualMs', 'cpuMs'] as const) total[key] += each[key]
    total.broken.push(...each.broken)
    for (const point of points) {
      total.points[point].passed += each.points[point].passed
      total.points[point].died += each.points[point].died
    }
    for (const name of happenings) total.howOften[name] += each.howOften[name]
    for (const key of Object.keys(total.ledger) as (keyof LedgerCounts)[]) total.ledger[key] += each.ledger[key]
  }
  return total
}

/** One process plays its share, on the sources beside this file or on those of a copy. */
export function inChild({ first, seeds, engine, untilCaught = false }: Campaign, folder?: string): Promise<Summary> {
  const main = `${folder ?? new URL('.', import.meta.url).pathname}/main.ts`
  const given = ['--seed', `${first}`, '--seeds', `${seeds}`, '--engine', engine, '--json']
  const child = spawn(
    process.execPath,
    ['--conditions=errand-source', main, ...given, ...(untilCaught ? ['--until'] : [])],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let output = ''
  let complaints = ''
  child.stdout.on('data', (text) => (output += text))
  child.stderr.on('data', (text) => (complaints += text))

  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      const last = output.trimEnd().split('\n').at(-1) ?? ''
      if (last.startsWith('{')) resolve(JSON.parse(last) as Summary)
      else reject(new Error(`The simulator ended with ${code} and no summary.\n${complaints.slice(0, 4000)}`))
    })
  })
}

export function seldomDiedAt({ seeds, points: counts }: Summary): Point[] {
  return seeds < enoughSeeds ? [] : points.filter((point) => counts[point].died < leastDeaths)
}

export function seldomHappened({ seeds, howOften }: Summary): Happening[] {
  return seeds < enoughSeeds ? [] : happenings.filter((name) => howOften[name] < leastDeaths)
}

const lines = 40

function print(summary: Summary): void {
  const { seeds, engine, calls, faults, runs, virtualMs, cpuMs, wallMs, ledger } = summary
  const mean = (sum: number) => (sum / Math.max(1, seeds)).toFixed(1)
  const each = points.map((point) => {
    const { passed, died } = summary.points[point]
    return `  ${point.padEnd(26)}${String(passed).padStart(10)}${String(died).padStart(9)}`
  })
  console.log(
    `${seeds} histories on ${engine}, ${((seeds / wallMs) * 1000).toFixed(0)} a second (${mean(cpuMs)} ms of CPU each)`,
  )
  console.log(
    `each ${mean(calls)} store calls, ${mean(faults)} faults, ${mean(runs)} runs, ${mean(virtualMs / 1000)} s of its time`,
  )
  console.log(`\n  ${'point'.padEnd(26)}${'passed'.padStart(10)}${'died at'.padStart(9)}\n${each.join('\n')}\n`)
  console.log(
    `${happenings.map((name) => `  ${name.padEnd(26)}${String(summary.howOften[name]).padStart(10)}`).join('\n')}\n`,
  )
  console.log(
    `ledger: ${Object.entries(ledger)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}`,
  )
  const seldom = seldomDiedAt(summary)
  if (seldom.length > 0) console.log(`\nDied at fewer than ${leastDeaths} times: ${seldom.join(', ')}`)
  const rare = seldomHappened(summary)
  if (rare.length > 0) console.log(`\nHappened fewer than ${leastDeaths} times: ${rare.join(', ')}`)
  if (summary.broken.length === 0) return console.log('\nEvery promise was kept.')

  console.log(`\nBROKEN in ${summary.broken.length} of ${seeds} histories:`)
  for (const { seed, promise, what } of summary.broken.slice(0, lines)) {
    console.log(`  ${promise}: ${what}\n    npm run simulate -- --engine ${engine} --seed ${seed}`)
  }
}
