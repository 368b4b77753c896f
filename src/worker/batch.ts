/**
 * Running a batch: one call of a handler for many jobs, each of which ends by itself.
 *
 * Whatever is said of a job - its input is unfit, it is cancelled, its time is over, it is another's by now - is said of
 * its own run. A batch is what they share: the slot, the call, and the time at which both are over. Middleware runs for
 * each job; the handler is called once all of them have come that far.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { BatchAnswerError } from '../errors.ts'
import type { Runtime } from '../runtime.ts'
import type { BatchAnswer, BatchContext, BatchHandler } from '../task/batch.ts'
import { runningJob, type RunningBatch } from '../task/context.ts'
import { callThrough, ended, finish, readInput, succeeded, type RunEnd } from './execute.ts'
import type { Run } from './run.ts'
import type { Slots } from './slots.ts'

export class Batch implements BatchContext, RunningBatch {
  readonly runs: readonly Run[]
  readonly slots: Slots
  /** Every job of it was ended or taken away while the handler ran. */
  zombie = false
  /** The handler has ended, or was never called. */
  handled = false
  #open: number
  #controller: AbortController | undefined

  constructor(runs: readonly Run[], slots: Slots) {
    this.runs = runs
    this.slots = slots
    this.#open = runs.length
    for (const run of runs) run.batch = this
  }

  get size(): number {
    return this.runs.length
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    this.told()

    return this.#controller.signal
  }

  /** One of its runs was told to end. */
  told(): void {
    const reason = this.runs.every(({ ending }) => ending) ? this.runs[0]!.signal.reason : undefined
    if (reason !== undefined && this.#controller?.signal.aborted === false) this.#controller.abort(reason)
  }

  /** Nothing more is recorded of one of its runs. A handler that goes on for none of them only keeps its slot. */
  closed(): void {
    this.#open--
    if (this.#open > 0 || this.handled) return
    this.zombie = true
    this.slots.zombies++
  }

  /** For whoever awaits a job in the handler. */
  sharesSlotsWith(queue: string): boolean {
    return this.runs.some((run) => run.sharesSlotsWith(queue))
  }
}

/** Runs a batch, tells `done` how each of its runs ended, and resolves when all have. Never rejects. */
export async function executeBatch(
  batch: Batch,
  runtime: Runtime,
  done: (run: Run, end: RunEnd) => void,
): Promise<void> {
  const handover = new Handover(batch)
  await Promise.all(batch.runs.map((run) => finish(run, runtime, endOf(run, runtime, handover), done)))
}

async function endOf(run: Run, runtime: Runtime, handover: Handover): Promise<RunEnd> {
  try {
    run.input = await readInput(run, runtime)
    run.handling = run.called = true
    const result = await runningJob.run(run, callThrough, run, runtime, () => handover.arrived(run))
    run.handling = false
    return await succeeded(run, runtime, result)
  } catch (thrown) {
    return await ended(run, runtime, thrown)
  } finally {
    handover.staysAway(run)
  }
}

/** Where the jobs of a batch meet: the handler is called when each has arrived or will not. */
class Handover {
  readonly #batch: Batch
  readonly #arrived = new Map<Run, PromiseWithResolvers<unknown>>()
  readonly #awaited: Set<Run>
  /** Of none of its jobs: whoever came last would lend it all that its middleware carries. */
  readonly #outside = AsyncLocalStorage.snapshot()

  constructor(batch: Batch) {
    this.#batch = batch
    this.#awaited = new Set(batch.runs)
  }

  /** Resolves to what the handler answers for this job. */
  arrived(run: Run): Promise<unknown> {
    const answer = Promise.withResolvers<unknown>()
    this.#arrived.set(run, answer)
    // Middleware that does not wait for it must not end the process.
    answer.promise.catch(() => {})
    this.#noLongerAwaits(run)

    return answer.promise
  }

  staysAway(run: Run): void {
    if (this.#awaited.has(run)) this.#noLongerAwaits(run)
  }

  #noLongerAwaits(run: Run): void {
    this.#awaited.delete(run)
    if (this.#awaited.size === 0) void this.#outside(() => this.#call())
  }

  async #call(): Promise<void> {
    const runs = this.#batch.runs.filter((run) => this.#arrived.has(run))
    try {
      const answers = runs.length === 0 ? [] : await this.#handle(runs)
      this.#batch.handled = true
      for (const [index, run] of runs.entries()) this.#tell(run, answers[index])
    } catch (thrown) {
      this.#batch.handled = true
      for (const run of runs) this.#arrived.get(run)!.reject(thrown)
    }
  }

  async #handle(runs: readonly Run[]): Promise<readonly BatchAnswer<unknown>[]> {
    const { name, handler } = runs[0]!.definition
    const handle = handler as unknown as BatchHandler<unknown, unknown>
    const items = runs.map((run) => ({ input: run.input, job: run }))
    const answers: unknown = await runningJob.run(this.#batch, handle, items, this.#batch)
    if (Array.isArray(answers) && answers.length === runs.length) return answers as BatchAnswer<unknown>[]

    const got = Array.isArray(answers) ? `${answers.length} answers for ${runs.length} items` : 'no array of answers'
    throw new BatchAnswerError(name, got)
  }

  #tell(run: Run, answer: unknown): void {
    const { resolve, reject } = this.#arrived.get(run)!
    const { ok, error } = (answer ?? {}) as { ok?: unknown; error?: unknown }
    if (error !== undefined) reject(error)
    else if (typeof answer === 'object' && answer !== null && 'ok' in answer) resolve(ok)
    else reject(new BatchAnswerError(run.task, 'something else for one of its items'))
  }
}
