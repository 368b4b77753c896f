/**
 * A process under test: a producer, a worker, or both, as its plan says.
 *
 * It keeps the ledger about itself, may end itself at a named point of the code, and
 * talks with the harness over IPC. When the harness is gone, so is it.
 */
import { Errand, type JobContext, type Store } from 'errand'
import { systemEnv, type Env, type Point } from '../../src/env.ts'
import { engines, type Synchronous } from './engine.ts'
import { LedgerWriter } from './ledger.ts'
import { produce, type ProducePlan } from './produce.ts'
import { traced } from './trace.ts'

export interface ChildPlan {
  /** Names this life of this process. */
  readonly by: string
  readonly ledger: string
  readonly engine: string
  readonly place: string
  /** For the power cut that must show a loss. @default 'full' */
  readonly synchronous?: Synchronous
  readonly worker?: { readonly lease: string; readonly concurrency: number; readonly stallMs?: number }
  readonly produce?: ProducePlan
  /** Added to the claims it is given, where jobs go through two stores whose claims would look alike. @default 0 */
  readonly tokensFrom?: number
  /** Kills itself when it passes this point for the n-th time. */
  readonly crash?: { readonly point: Point; readonly nth: number }
}

export type Said =
  | { readonly kind: 'ready' | 'produced' }
  /** It was silent for too long, and knows of so many runs that are no longer its own. */
  | { readonly kind: 'gone'; readonly running: number }
  | { readonly kind: 'started' | 'stale' | 'full'; readonly id: string }

export type Told =
  | { readonly kind: 'stop' | 'finish' }
  /** From now on the wall clock is this far off. */
  | { readonly kind: 'clock'; readonly offsetMs: number }

export interface Input {
  readonly ms: number
}

/** What every handler gives: the claim it ran under, and its process. */
export interface Given {
  readonly token: number
  readonly by: string
}

const plan = JSON.parse(process.argv[2]!) as ChildPlan
const ledger = new LedgerWriter(plan.ledger, plan.by)
const by = plan.by
const tokens = new Map<string, number>()
const { tokensFrom = 0 } = plan
const say = (said: Said) => void process.send?.(said)
let clockOffsetMs = 0
const finishing = Promise.withResolvers<void>()

function dieHere(fault: string): never {
  ledger.write('control', { kind: 'fault', fault, by })
  process.kill(process.pid, 'SIGKILL')
  throw new Error('unreachable: the signal is delivered before the call returns')
}

function childEnv(): Env {
  const env = systemEnv()
  let left = plan.crash?.nth ?? 0

  return {
    ...env,
    now: () => env.now() + clockOffsetMs,
    point: (name) => {
      if (name === plan.crash?.point && --left === 0) dieHere(`kill at ${name}`)
    },
  }
}

/** The same store, with every claim it hands out written down. */
function watched(store: Store): Store {
  const grant = (claims: readonly { id: string; claim: number }[]) => {
    for (const { id, claim } of claims) {
      const token = claim + tokensFrom
      tokens.set(id, token)
      ledger.write('execution', { kind: 'granted', id, token, by })
    }
  }
  const watching: Partial<Store> = {
    turn: async (turn) => {
      const answer = await store.turn(turn)
      if (!answer.gone) grant(answer.claimed)
      return answer
    },
    resync: async (incarnation) => {
      const answer = await store.resync(incarnation)
      if (answer !== 'gone') grant(answer.held)
      return answer
    },
  }

  return new Proxy(store, {
    get(target, name) {
      const value = (watching as Record<PropertyKey, unknown>)[name] ?? Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** Runs one job with its lines around it; the log line before the end tells a claim that still writes. */
async function run(job: JobContext, work: () => unknown): Promise<Given> {
  const token = tokens.get(job.id)!
  ledger.write('execution', { kind: 'start', id: job.id, token, by })
  say({ kind: 'started', id: job.id })
  await job.progress(token)
  try {
    await work()
  } catch (error) {
    ledger.write('execution', { kind: 'threw', id: job.id, token, by })
    throw error
  }
  job.log(`ends ${token}`)
  ledger.write('execution', { kind: 'end', id: job.id, token, by })

  return { token, by }
}

const pass = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms))

function holdTheLoop(ms: number): void {
  ledger.write('control', { kind: 'fault', fault: 'stall', by })
  const until = performance.now() + ms
  while (performance.now() < until);
}

function throwOnce(job: JobContext): void {
  if (job.attempt === 1) throw new Error('It fails the first time.')
}

function defineTasks(errand: Errand) {
  const retry = { first: '100ms', attempts: 5 } as const

  return {
    work: errand.task('work', ({ ms }: Input, job) => run(job, () => pass(ms))),
    flaky: errand.task('flaky', { retry }, ({ ms }: Input, job) => run(job, () => pass(ms).then(() => throwOnce(job)))),
    /** The callback of a chord: tells how many results it was given. */
    join: errand.task('join', async (given: Given[], job) => ({
      ...(await run(job, () => {})),
      members: given.filter(({ token }) => Number.isInteger(token)).length,
    })),
    hold: errand.task('hold', (_: Input, job) => run(job, () => finishing.promise)),
    /** Kills whoever runs it. */
    poison: errand.task('poison', (_: Input, job) => run(job, () => dieHere('kill by a poison job'))),
    /** Blocks the event loop where the plan says so; a worker without that runs it at once. */
    stall: errand.task('stall', (_: Input, job) => run(job, () => holdTheLoop(plan.worker?.stallMs ?? 0))),
  }
}

export type Tasks = ReturnType<typeof defineTasks>

function keepLedger(errand: Errand): void {
  for (const name of ['succeeded', 'failed', 'cancelled'] as const)
    errand.on(name, ({ id }) => ledger.write('execution', { kind: 'settled', id, by }))
  for (const name of ['retrying', 'given back'] as const)
    errand.on(name, ({ id }) => ledger.write('execution', { kind: 'released', id, by }))
  errand.on('stale', ({ claim: { id, claim } }) => {
    ledger.write('execution', { kind: 'stale', id, token: claim + tokensFrom, by })
    say({ kind: 'stale', id })
  })
  errand.on('worker gone', ({ running }) => say({ kind: 'gone', running }))
  errand.on('error', ({ error, during }) =>
    ledger.write('control', { kind: 'trouble', by, what: `${during}: ${String(error).slice(0, 500)}` }),
  )
}

function obey(errand: Errand): void {
  process.on('message', (told: Told) => {
    if (told.kind === 'clock') clockOffsetMs = told.offsetMs
    if (told.kind === 'finish') finishing.resolve()
    if (told.kind === 'stop') void errand.close().then(() => process.exit(0))
  })
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
}

async function main(): Promise<void> {
  const env = childEnv()
  const store = await engines[plan.engine]!.open(plan.place, env, plan.synchronous ?? 'full')
  const errand = new Errand({ store: watched(traced(store, plan.ledger, by)), env })
  const tasks = defineTasks(errand)

  keepLedger(errand)
  obey(errand)
  if (plan.worker)
    await errand.worker({ lease: plan.worker.lease as '8s', concurrency: plan.worker.concurrency }).start()
  say({ kind: 'ready' })
  if (plan.produce) await produce(tasks, plan.produce, by, ledger, (id) => say({ kind: 'full', id }))
  say({ kind: 'produced' })
}

await main()
