/** Schedules as people manage them: made at run time, looked at, paused, run now, removed. */
import type { JobHandle } from '../client/handle.ts'
import { StoredJob } from '../client/stored-job.ts'
import { InvalidOptionError, ScheduleNotFoundError } from '../errors.ts'
import type { JobState } from '../job.ts'
import { nearest } from '../nearest.ts'
import { redacted } from '../redact.ts'
import type { Runtime } from '../runtime.ts'
import type { ScheduleRecord, Store } from '../store/store.ts'
import type { FlowNode, Step } from '../task/step.ts'
import { builtIns } from '../workflow/built-in.ts'
import { nameOfFlow } from '../workflow/jobs.ts'
import { allSchedules } from './all.ts'
import type { DeclaredSchedules } from './declared.ts'
import { readRule, type ScheduleRule, type StoredRule } from './rule.ts'
import { jobOf } from './tick.ts'
import { nextTick, type StoredWhen } from './when.ts'

/** How a schedule stands. */
export interface ScheduleInfo {
  readonly name: string
  readonly task: string
  /** The task, or what the flow is called that it enqueues. */
  readonly work: string
  readonly queue: string
  /** A crontab rule with its zone, `every` so many milliseconds, or `at` a moment in milliseconds since 1970. */
  readonly when: StoredWhen
  /** Masked as its task says. */
  readonly input: unknown
  /** The next tick, or null when there will be none. While it is paused, the first that has not fired. */
  readonly next: Date | null
  readonly paused: boolean
  readonly overlap: 'allow' | 'skip' | 'queue'
  /** The job of the last tick, and how it stands. `gone`: its retention is over. */
  readonly last?: { readonly id: string; readonly state: JobState | 'gone'; readonly finishedAt?: Date }
  /** Declared by code, and for a day no process has declared it. */
  readonly orphaned: boolean
  /** When a process last declared it, or when it was made or changed at run time. */
  readonly declaredAt: Date
}

const orphanedAfterMs = 86_400_000
const mostTicksShown = 1_000

/** The schedules of the store: see `errand.schedules`. */
export class Schedules {
  readonly #runtime: Runtime
  readonly #declared: DeclaredSchedules
  readonly #changed: () => void

  /** `changed` is called when a schedule may fall due sooner than was known. */
  constructor(runtime: Runtime, declared: DeclaredSchedules, changed: () => void) {
    this.#runtime = runtime
    this.#declared = declared
    this.#changed = changed
  }

  /**
   * Makes a schedule, or changes the one of that name. Where it then fires at other times it begins anew, at its next tick from
   * now; otherwise its next tick stays what it is.
   *
   * @throws InvalidOptionError, UnknownOptionError, UnknownTaskError, InvalidInputError, NotStorableError
   */
  async put(name: string, rule: ScheduleRule, work: Step<void, unknown>): Promise<void> {
    await this.#declared.put(await this.#runtime.open(), name, rule, work)
    this.#changed()
  }

  /** All of them, by name. */
  async list(): Promise<ScheduleInfo[]> {
    const store = await this.#runtime.open()
    const records = await allSchedules(store.schedules)
    const lasts = await lastJobs(store, records)

    return records.map((record) => this.#info(record, lasts))
  }

  /** One of them. @throws ScheduleNotFoundError */
  async get(name: string): Promise<ScheduleInfo> {
    const store = await this.#runtime.open()
    const record = await this.#record(store, name)

    return this.#info(record, await lastJobs(store, [record]))
  }

  /** The ticks to come, at most so many. @throws ScheduleNotFoundError, InvalidOptionError */
  async next(name: string, count = 5): Promise<Date[]> {
    if (!Number.isInteger(count) || count < 1 || count > mostTicksShown) {
      throw new InvalidOptionError('`count`', count, `a whole number from 1 to ${mostTicksShown}`)
    }
    const record = await this.#record(await this.#runtime.open(), name)
    const rule = readRule(record.rule)
    const ticks: Date[] = []
    const now = this.#runtime.env.now()
    // One that has passed and did not fire, as while it was paused, does not come any more.
    const first = record.nextAt !== null && record.nextAt < now ? nextTick(rule.when, rule, now) : record.nextAt
    for (let at = first; at !== null && ticks.length < count; at = nextTick(rule.when, rule, at)) {
      ticks.push(new Date(at))
    }
    return ticks
  }

  /** No ticks until it is resumed; those that fall in between are treated as missed. @throws ScheduleNotFoundError */
  async pause(name: string): Promise<void> {
    await this.#pause(name, true)
  }

  /** Lets it tick again. @throws ScheduleNotFoundError */
  async resume(name: string): Promise<void> {
    await this.#pause(name, false)
    this.#changed()
  }

  /** Enqueues its job now, beside its ticks. @throws ScheduleNotFoundError */
  async run(name: string): Promise<JobHandle<any>> {
    const { env } = this.#runtime
    const store = await this.#runtime.open()
    const rule = readRule((await this.#record(store, name)).rule)
    const job = jobOf(name, { ...rule, jitterMs: 0 }, env.now(), { id: () => env.id(), random: () => env.random() })
    const outcome = (await store.insert([[job]]))[0]![0]!

    return new StoredJob(
      this.#runtime,
      outcome.kind === 'kept' ? outcome.other : job.id,
      job.task,
      outcome.kind === 'kept',
    )
  }

  /** Forgets it; what it has enqueued stays. One that code declares comes back when a process declares it. @throws ScheduleNotFoundError */
  async remove(name: string): Promise<void> {
    const store = await this.#runtime.open()
    if ((await store.schedules.remove([name])) === 0) throw await this.#notFound(store, name)
  }

  /** Removes those that code declared and no process has declared for a day. Gives their names. */
  async prune({ dryRun = false }: { dryRun?: boolean } = {}): Promise<string[]> {
    const store = await this.#runtime.open()
    const orphans = (await allSchedules(store.schedules))
      .filter((record) => this.#isOrphan(record))
      .map(({ name }) => name)
    if (!dryRun && orphans.length > 0) await store.schedules.remove(orphans)

    return orphans
  }

  async #pause(name: string, paused: boolean): Promise<void> {
    const store = await this.#runtime.open()
    if (!(await store.schedules.pause(name, paused))) throw await this.#notFound(store, name)
  }

  async #record(store: Store, name: string): Promise<ScheduleRecord> {
    const [record] = await store.schedules.get([name])
    if (!record) throw await this.#notFound(store, name)

    return record
  }

  async #notFound(store: Store, name: string): Promise<ScheduleNotFoundError> {
    const names = (await allSchedules(store.schedules)).map((each) => each.name)

    return new ScheduleNotFoundError(name, nearest(name, names))
  }

  #isOrphan({ rule, declaredAt }: ScheduleRecord): boolean {
    return !readRule(rule).kept && this.#runtime.env.now() - declaredAt > orphanedAfterMs
  }

  #info(record: ScheduleRecord, lasts: ReadonlyMap<string, ScheduleInfo['last']>): ScheduleInfo {
    const rule: StoredRule = readRule(record.rule)
    const last = record.lastJob === undefined ? undefined : lasts.get(record.lastJob)
    const input = redacted(this.#runtime.codec.decode(rule.job.input), rule.job.redact)

    return {
      name: record.name,
      task: rule.job.task,
      work: rule.job.task === builtIns.flow ? nameOfFlow(input as FlowNode) : rule.job.task,
      queue: rule.job.queue,
      when: rule.when,
      input,
      next: record.nextAt === null ? null : new Date(record.nextAt),
      paused: record.paused,
      overlap: rule.overlap,
      ...(last && { last }),
      orphaned: this.#isOrphan(record),
      declaredAt: new Date(record.declaredAt),
    }
  }
}

async function lastJobs(store: Store, records: readonly ScheduleRecord[]): Promise<Map<string, ScheduleInfo['last']>> {
  const ids = [...new Set(records.flatMap(({ lastJob }) => lastJob ?? []))]
  const found = new Map<string, ScheduleInfo['last']>()
  for (let from = 0; from < ids.length; from += store.limits.idsPerCall) {
    const slice = ids.slice(from, from + store.limits.idsPerCall)
    for (const [index, job] of (await store.get(slice)).entries()) {
      const id = slice[index]!
      if (!job || job === 'gone') found.set(id, { id, state: 'gone' })
      else
        found.set(id, {
          id,
          state: job.state,
          ...(job.finishedAt !== undefined && { finishedAt: new Date(job.finishedAt) }),
        })
    }
  }
  return found
}
