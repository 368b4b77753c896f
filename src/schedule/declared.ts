/** The schedules that this app's code declares, and how they and others come into a store. */
import { DuplicateScheduleError } from '../errors.ts'
import { newJob } from '../client/new-job.ts'
import { checkName } from '../options.ts'
import type { Runtime } from '../runtime.ts'
import type { NewSchedule, Store } from '../store/store.ts'
import type { Step } from '../task/step.ts'
import { parseInput } from '../task/validate.ts'
import { startOf } from '../workflow/start.ts'
import { checkedRule, ruleWithJob, storedText, type ScheduleRule, type StoredRule } from './rule.ts'
import { nextTick } from './when.ts'

/** One call with all of them could take longer than a store is waited for. */
const schedulesPerCall = 200

export const declareEveryMs = 3_600_000

/** Whoever declares a schedule says so every hour; nobody has for longer than that. */
const desertedAfterMs = 1.5 * declareEveryMs

interface Declared {
  readonly name: string
  readonly rule: Omit<StoredRule, 'job'>
  readonly step: Step<void, unknown>
}

type RowOf = (declared: Declared, now: number) => Promise<NewSchedule | undefined>

export class DeclaredSchedules {
  readonly #runtime: Runtime
  readonly #declared = new Map<string, Declared>()
  /** The rules of which the store was told last, by name. */
  readonly #told = new Map<string, string>()

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** @throws DuplicateScheduleError, InvalidOptionError, UnknownOptionError, UnknownTaskError */
  add(name: string, rule: ScheduleRule, step: Step<void, unknown>): void {
    const declared = this.#checked(name, rule, step, false)
    if (this.#declared.has(name)) throw new DuplicateScheduleError(name)
    this.#declared.set(name, declared)
  }

  /**
   * Tells the store of all of them. One that is there and fires at the same times keeps its time. `again`: says that they are still declared,
   * and leaves alone what another release has declared since and declares still, so that two of them do not change it to and fro.
   * `passOver`: what cannot be declared, since its input is refused by now, is told of and stops no other. @throws else why it cannot
   */
  async declare(store: Store, { again, passOver }: { again: boolean; passOver: boolean }): Promise<void> {
    if (this.#declared.size === 0) return
    const row = passOver ? this.#rowIfAny : this.#row
    await this.#tell(store, [...this.#declared.values()], again, row)
  }

  /** One made at run time. */
  async put(store: Store, name: string, rule: ScheduleRule, step: Step<void, unknown>): Promise<void> {
    await this.#tell(store, [this.#checked(name, rule, step, true)], false, this.#row)
  }

  /** The first tick is counted from the store's time: this process's own may be wrong. */
  async #tell(store: Store, declared: readonly Declared[], again: boolean, rowOf: RowOf): Promise<void> {
    const now = await store.now()
    for (let from = 0; from < declared.length; from += schedulesPerCall) {
      const slice = declared.slice(from, from + schedulesPerCall)
      const ours = again ? await this.#ours(store, slice, now) : slice
      const rows = (await Promise.all(ours.map((each) => rowOf(each, now)))).filter((row) => row !== undefined)
      if (rows.length > 0) await store.schedules.put(rows)
      for (const { name, rule } of rows) this.#told.set(name, rule)
    }
  }

  /** Those that are as this process has declared them last, or that nobody declares. */
  async #ours(store: Store, declared: readonly Declared[], now: number): Promise<Declared[]> {
    const known = await store.schedules.get(declared.map(({ name }) => name))

    return declared.filter(({ name }, index) => {
      const there = known[index]
      return !there || there.rule === this.#told.get(name) || now - there.declaredAt > desertedAfterMs
    })
  }

  #checked(name: string, rule: ScheduleRule, step: Step<void, unknown>, kept: boolean): Declared {
    checkName(name, 'the name of a schedule', 'reports.nightly')
    this.#runtime.registry.get(startOf(step, this.#runtime.registry).task)

    return { name, step, rule: checkedRule(name, rule, kept, this.#runtime.env.now()) }
  }

  readonly #rowIfAny: RowOf = async (declared, now) => {
    try {
      return await this.#row(declared, now)
    } catch (error) {
      this.#runtime.bus.emit('error', { error, during: `declaring the schedule "${declared.name}"` })
      return undefined
    }
  }

  readonly #row = async ({ name, rule, step }: Declared, now: number): Promise<NewSchedule> => {
    const { registry } = this.#runtime
    const { task: taskName, input, options } = startOf(step, registry)
    const task = registry.get(taskName)
    const parsed = await parseInput(task, input)
    const whole = ruleWithJob(name, rule, newJob(this.#runtime, task, input, parsed, options))

    return { name, ...storedText(whole), nextAt: nextTick(rule.when, rule, now - 1) }
  }
}
