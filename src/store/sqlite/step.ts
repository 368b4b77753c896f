/**
 * One atomic step: what is gathered while a transaction runs, written in its last statements,
 * and told to waiters once it is committed.
 *
 * Counters, statistics and prune lists are written once per step and not per job.
 */
import type { Env } from '../../env.ts'
import type { JobError, JobState, StoredLine, Progress } from '../../job.ts'
import type { JobEvent, JobEventKind } from '../store.ts'
import { idText, idValue, stateCode, storedOptions, type JobRow } from './job-row.ts'
import type { Names } from './names.ts'
import type { RateRoom } from './rates.ts'
import type { Statements } from './statements.ts'

export const minute = 60_000

/** In the order of their codes in `stat`. */
export const outcomes = ['succeeded', 'retry', 'failed', 'cancelled', 'wait', 'expired', 'rescued'] as const

export interface StepOptions {
  readonly env: Env
  readonly sql: Statements
  readonly names: Names
  /** Whether anybody listens to events, here or in another process. */
  readonly listened: boolean
  /** A power cut may take what it writes. */
  readonly light: boolean
}

/** Thrown in a light step that has met something a power cut must not take: it is rolled back and done again in full. */
export class TooLightError extends Error {}

/** The part of a job's row that events and counters need. */
export type Named = Pick<JobRow, 'seq' | 'id' | 'task' | 'queue' | 'options'>

/** A member that goes on after all, and the edge that was looked at last. */
export interface Reopening {
  readonly member: number
  readonly after: number
}

export interface Removed {
  readonly id: Uint8Array | string
  readonly state: number
}

interface Uses {
  jobs: number
  unfinished: number
  /** Of a rate, in the ready line. */
  lined: number
}

function addUses(counted: Map<number, Uses>, limit: number, jobs: number, unfinished: number, lined = 0): void {
  const uses = counted.get(limit) ?? { jobs: 0, unfinished: 0, lined: 0 }
  counted.set(limit, uses)
  uses.jobs += jobs
  uses.unfinished += unfinished
  uses.lined += lined
}

/** With the numbers of all that have changed by as much, as JSON. */
function alike(counted: ReadonlyMap<number, Uses>): (Uses & { readonly ids: string })[] {
  const together = new Map<string, Uses & { numbers: number[] }>()
  for (const [id, uses] of counted) {
    const key = `${uses.jobs} ${uses.unfinished} ${uses.lined}`
    const same = together.get(key)
    if (same) same.numbers.push(id)
    else together.set(key, { ...uses, numbers: [id] })
  }
  return [...together.values()].map(({ numbers, ...uses }) => ({ ...uses, ids: JSON.stringify(numbers) }))
}

export class Step {
  readonly env: Env
  readonly sql: Statements
  readonly names: Names
  readonly now: number
  /** Queues that may have work they had not before. */
  readonly wokenQueues: Set<number> = new Set()
  /** Incarnations with a message or cancel request. */
  readonly called: Set<number> = new Set()
  /** Jobs that became final or were removed. */
  readonly ended: number[] = []
  /** Members whose waiters are to be told before the step ends. */
  readonly telling: number[] = []
  /** Members that go on, whose waiters are to be looked at before the step ends. */
  readonly reopening: Reopening[] = []
  /** Members that were removed before all their waiters were told. */
  readonly removed: Map<number, Removed> = new Map()
  /** How much of what it may tell people's commands have used. */
  spreadByCommands = 0
  /** There are waiters that are for later steps to be told. */
  leftReleasing = false
  readonly events: JobEvent[] | undefined
  /** Rates whose jobs have come to be ready. */
  readonly rateRooms: Map<number, RateRoom> = new Map()
  readonly #moves = new Map<number, number>()
  readonly #stats = new Map<number, { n: number; ms: number }>()
  readonly #prunes = new Map<number, number[]>()
  readonly #lanes = new Map<number, Uses>()
  readonly #rates = new Map<number, Uses>()
  #lined = 0
  #seq: number | undefined
  #anySteps: boolean | undefined
  #anyDeparted: boolean | undefined
  #claim: number | undefined
  #standing: number[] = []

  readonly #light: boolean

  constructor({ env, sql, names, listened, light }: StepOptions) {
    this.#light = light
    this.env = env
    this.sql = sql
    this.names = names
    this.now = env.now()
    this.events = listened ? [] : undefined
  }

  /** The next number of the one counter that orders jobs and their lines. */
  nextSeq(): number {
    this.#seq ??= this.#meta('seq')
    return ++this.#seq
  }

  /** What this step is about to write must survive a power cut. */
  mustLast(): void {
    if (this.#light) throw new TooLightError()
  }

  /** One number for all claims of this step. */
  claim(): number {
    return (this.#claim ??= this.#meta('claim') + 1)
  }

  /** A new job that stands at the end of its line, with no lane and no rate. Many enter by one statement. */
  standNew(seq: number): void {
    this.#standing.push(seq)
  }

  /** Must come before anything that looks at or leaves a ready line. */
  flushReady(): void {
    const standing = this.#standing
    if (standing.length === 0) return

    const [first, last] = [standing[0]!, standing.at(-1)!]
    if (last - first === standing.length - 1) this.sql.standInRange.run(first, last)
    else this.sql.standAmong.run(JSON.stringify(standing))
    this.#standing = []
  }

  /** Whether any job at all has step results; few stores do. */
  get anySteps(): boolean {
    return (this.#anySteps ??= this.sql.anyStep.get() !== undefined)
  }

  /** Whether this job was moved to another store. */
  hasDeparted(id: string): boolean {
    this.#anyDeparted ??= this.sql.anyDeparted.get() !== undefined
    return this.#anyDeparted && this.sql.departedSeq.get(idValue(id)) !== undefined
  }

  count(queue: number, state: number, n: number): void {
    const key = queue * 8 + state
    this.#moves.set(key, (this.#moves.get(key) ?? 0) + n)
  }

  /** Jobs of a rate have come into the ready line, or left it. */
  countLined(rate: number, lined: number): void {
    addUses(this.#rates, rate, 0, 0, lined)
    this.#lined += lined
  }

  /** Jobs of it that have come in this step. */
  newlyUnfinished(rate: number): number {
    return this.#rates.get(rate)?.unfinished ?? 0
  }

  /** Of what is known of a rate, so much is used up. */
  lessRoom(rate: number, by: number): void {
    const room = this.rateRooms.get(rate)
    if (room) room.spare -= by
  }

  /** Jobs have come to name a lane or rate, or name it no more; of them, so many are not final. */
  countLimits({ lane, rate }: Pick<JobRow, 'lane' | 'rate'>, jobs: number, unfinished: number): void {
    if (lane !== null) addUses(this.#lanes, lane, jobs, unfinished)
    if (rate === null) return
    addUses(this.#rates, rate, jobs, unfinished)
    if (unfinished > 0) this.lessRoom(rate, unfinished)
  }

  move(queue: number, from: JobState, to: JobState): void {
    this.count(queue, stateCode[from], -1)
    this.count(queue, stateCode[to], 1)
  }

  record(task: number, outcome: number, ranMs: number): void {
    const key = task * 8 + outcome
    const stat = this.#stats.get(key)
    if (stat) {
      stat.n++
      stat.ms += ranMs
    } else this.#stats.set(key, { n: 1, ms: ranMs })
  }

  /** Retention is rounded up to the minute. All that end in this step and are kept as long share one list. */
  keepUntil(keep: number, succeeded: boolean): number {
    return this.now + Math.ceil(this.names.keepMs(keep, succeeded) / minute) * minute
  }

  pruneAt(until: number, seq: number): void {
    const list = this.#prunes.get(until)
    if (list) list.push(seq)
    else this.#prunes.set(until, [seq])
  }

  tell(
    kind: JobEventKind,
    job: Named,
    state: JobState,
    attempt: number,
    more?: { progress?: Progress; line?: StoredLine; error?: JobError },
  ): void {
    if (!this.events) return

    const { redact } = storedOptions(job.options)
    const { names, now: at } = this
    const event = {
      kind,
      at,
      id: idText(job.id),
      task: names.name(job.task),
      queue: names.name(job.queue),
      state,
      attempt,
    }
    this.events.push({ ...event, ...more, ...(redact && { redact }) })
  }

  /** The last statements before the commit. */
  finish(): void {
    this.flushReady()
    const { sql } = this
    if (this.#seq !== undefined) sql.setMeta.run(this.#seq, 'seq')
    if (this.#claim !== undefined) sql.setMeta.run(this.#claim, 'claim')
    for (const [key, n] of this.#moves) if (n !== 0) sql.count.run(Math.floor(key / 8), key % 8, n)
    this.flushLimits()
    const at = Math.floor(this.now / minute) * minute
    for (const [key, { n, ms }] of this.#stats) sql.addStat.run(at, Math.floor(key / 8), key % 8, n, ms)
    for (const [until, seqs] of this.#prunes) sql.addPrune.run(until, seqs.join(), until)
  }

  /** Must come before anything that looks at how many jobs limits have. */
  flushLimits(): void {
    const { sql } = this
    for (const { jobs, unfinished, lined, ids } of alike(this.#rates)) {
      sql.countRateJobs.run(jobs, unfinished, lined, ids)
    }
    if (this.#lined !== 0) sql.countLined.run(this.#lined)
    this.#lined = 0
    this.#rates.clear()
    for (const [id, { jobs, unfinished }] of this.#lanes) {
      if (id > 0) continue
      sql.countGroupJobs.run(jobs, unfinished, -id)
      if (jobs < 0) sql.forgetGroup.run(-id)
      this.#lanes.delete(id)
    }
    for (const { jobs, unfinished, ids } of alike(this.#lanes)) {
      sql.countLaneJobs.run(jobs, unfinished, ids)
      if (jobs < 0) sql.forgetLanes.run(ids)
    }
    this.#lanes.clear()
  }

  #meta(key: string): number {
    return (this.sql.getMeta.get(key) as { value: number }).value
  }
}
