/** The tasks of the simulated app: what a handler does is said by its input. */
import { Errand } from '../../../src/errand.ts'
import { Fatal, RetryAfter, WorkerStoppingError } from '../../../src/errors.ts'
import type { Store } from '../../../src/store/store.ts'
import type { BatchItem } from '../../../src/task/batch.ts'
import type { JobContext } from '../../../src/task/context.ts'
import type { Task } from '../../../src/task/task.ts'
import type { Actor } from '../actor.ts'
import { injected } from '../faulty-store.ts'
import type { History } from '../history.ts'
import { Died } from '../world.ts'
import { runBatch } from './batches.ts'
import * as flows from './flows.ts'

export const behaviours = [
  'quick',
  'slow',
  'throws',
  'fatal',
  'hangs',
  'deaf',
  'talks',
  'spawns',
  'follows',
  'cancels',
  'later',
] as const
/** Of tasks without haste. */
const lasting = 'lasts'
export type Behaviour = (typeof behaviours)[number] | typeof lasting

export interface Input {
  readonly does: Behaviour
  readonly ms: number
  /** How many attempts throw before one succeeds. */
  readonly bad?: number
  /** When it is told to end it throws an error of its own, as many libraries do. */
  readonly own?: boolean
  /** What it is in order with, or comes in one batch with. */
  readonly key?: string
}

export const keys = ['x', 'y'] as const
const keyOf = ({ key }: Input) => key ?? 'x'

export const mostAttempts = {
  plain: 3,
  once: 2,
  next: 2,
  sorry: 2,
  odd: 3,
  long: 2,
  link: 3,
  parent: 2,
  serial: 3,
  paced: 3,
  bulk: 3,
} as const
export type TaskName = keyof typeof mostAttempts

/** Handlers that ignore their timeout still end after this long. */
export const deafMs = 5000
/** Longer than any trouble. */
const lastingMs = 15_000

export const mostSlots = 4
export const scheduleName = 'every'
export const scheduleEveryMs = 700

export interface App {
  readonly errand: Errand
  readonly tasks: Readonly<Record<TaskName, Task<any, any>>>
}

/** The app as one process has it. A process without `slots` only enqueues; one that is `old` does not know the newest task. */
export function appOf(
  history: History,
  actor: Actor,
  store: Store,
  { slots, old }: { slots: number; old: boolean },
): App {
  const { plan, world } = history
  const errand = new Errand({ store, env: history.envOf(actor), queue: plan.queues[0]! })
  const keep = { succeeded: plan.keep.succeededMs, failed: plan.keep.failedMs }
  const retry = { backoff: 'fixed', first: 300, jitter: 0.2 } as const
  const timeout = plan.timeoutMs
  const handler = (name: TaskName) => (input: Input, job: JobContext) => {
    const most = mostAttempts[name]
    return run(history, actor, app, { input, job, slots, most, timeoutMs: name === 'long' ? 2 * lastingMs : timeout })
  }
  const shared = { keep, timeout }
  // Kept for ever, so that each can be counted in the end.
  const kept = { keep: { succeeded: '1d', failed: '1d' }, timeout } as const

  const tasks = {
    next: errand.task('next', { ...kept, retry: { ...retry, attempts: mostAttempts.next } }, handler('next')),
    sorry: errand.task('sorry', { ...kept, retry: { ...retry, attempts: mostAttempts.sorry } }, handler('sorry')),
    plain: errand.task('plain', { ...shared, retry: { ...retry, attempts: mostAttempts.plain } }, handler('plain')),
    once: errand.task(
      'once',
      { ...shared, retry: { ...retry, attempts: mostAttempts.once }, delivery: 'once' },
      handler('once'),
    ),
    long: errand.task(
      'long',
      { keep, timeout: 2 * lastingMs, retry: { ...retry, attempts: mostAttempts.long } },
      handler('long'),
    ),
    link: errand.task('link', { ...shared, retry: { ...retry, attempts: mostAttempts.link } }, handler('link')),
    parent: errand.task('parent', { ...shared, retry: { ...retry, attempts: mostAttempts.parent } }, handler('parent')),
    serial: errand.task(
      'serial',
      {
        ...shared,
        retry: { ...retry, attempts: mostAttempts.serial },
        order: { by: keyOf, ...(plan.skipAfterMs !== undefined && { skipAfter: plan.skipAfterMs }) },
      },
      handler('serial'),
    ),
    paced: errand.task(
      'paced',
      { ...shared, retry: { ...retry, attempts: mostAttempts.paced }, limit: { rate: { starts: 3, per: 1000 } } },
      handler('paced'),
    ),
    bulk: errand.batchTask(
      'bulk',
      {
        ...shared,
        retry: { ...retry, attempts: mostAttempts.bulk },
        size: plan.batch.size,
        wait: plan.batch.waitMs,
        ...(plan.batch.byKey && { by: keyOf }),
      },
      (items: readonly BatchItem<Input>[], batch) =>
        runBatch(history, actor, { items, batch, slots, timeoutMs: timeout }),
    ),
    odd: old
      ? (errand.declare('odd', { ...shared, input: anything }) as unknown as Task<any, any>)
      : errand.task('odd', { ...shared, retry: { ...retry, attempts: mostAttempts.odd } }, handler('odd')),
  }
  const app: App = { errand, tasks }
  if (plan.schedulers > 0)
    errand.schedule(
      scheduleName,
      { every: scheduleEveryMs, missed: plan.missed, overlap: plan.overlap },
      tasks.plain.with(
        { does: 'quick', ms: plan.tickMs },
        plan.tickExpiresMs === undefined ? {} : { expires: plan.tickExpiresMs },
      ),
    )
  errand.on('error', ({ error, during }) => {
    if (actor.dead || error instanceof Died || (error instanceof Error && injected.has(error))) return
    world.violate('P23', `${actor.name} met an error of its own during ${during}: ${(error as Error)?.stack}`)
  })
  return app
}

const anything = {
  '~standard': { version: 1, vendor: 'simulator', validate: (value: unknown) => ({ value }) },
} as const

interface RunOf {
  readonly input: Partial<Input>
  readonly job: JobContext
  readonly slots: number
  readonly most: number
  readonly timeoutMs: number
}

/** A handler is not told of it. */
export const claimOf = (job: object): number => (job as { claimed: { claim: number } }).claimed.claim

async function run(
  history: History,
  actor: Actor,
  app: App,
  { input, job, slots, most, timeoutMs }: RunOf,
): Promise<unknown> {
  const { runs } = history.checker
  const claim = claimOf(job)
  const { id, attempt } = job
  // Reading the signal is what makes it: a handler that never listens has none.
  const listens = input?.does !== 'quick'
  const isTold = () => !listens || job.signal.aborted
  const note = { id, claim, attempt, mostAttempts: most, isTold, timeoutMs }
  runs.start(actor, history.resized ? mostSlots : slots, note)
  try {
    if (job.task === 'serial') await flows.rest(history, app, job)
    if (job.task === 'parent') await flows.act(history, app, input as object, job)
    else await act(history, actor, app, input, job)
    if (job.task === 'link') flows.checkGiven(history, job, input)
    runs.end(actor, id, claim, 'well')
    return { id, claim }
  } catch (error) {
    // One that must not run twice ends by it.
    const interrupted = listens && job.task !== 'once' && job.signal.reason instanceof WorkerStoppingError
    runs.end(actor, id, claim, interrupted ? 'interrupted' : 'badly')
    throw error
  }
}

async function act(history: History, actor: Actor, app: App, input: Partial<Input>, job: JobContext): Promise<void> {
  const { does = 'quick', ms = 5, bad = 0, own = false } = input ?? {}
  const heeding = (longMs: number) => heed(actor, longMs, job.signal, own)
  if (job.attempt <= bad) throw new Error('not this time')
  switch (does) {
    case 'fatal':
      throw new Fatal('never')
    case 'later':
      if (job.attempt > 1) return
      history.checker.runs.asksForLater(job.id, claimOf(job), ms)
      throw new RetryAfter(ms)
    case 'throws':
      await heeding(ms)
      throw new Error('no')
    case 'slow':
      return heeding(ms)
    case 'hangs':
      return heeding(deafMs)
    case lasting:
      return heeding(lastingMs)
    case 'deaf':
      return actor.sleep(deafMs)
    case 'talks':
      for (let done = 1; done <= 3; done++) {
        void job.progress(done, { of: 3 })
        job.log(`done ${done}`)
        await heeding(ms / 3)
      }
      return
    case 'spawns':
      return history.enqueueFrom(actor, app)
    case 'follows':
      job.followUp(app.tasks.plain, { does: 'quick', ms: 1 })
      return actor.sleep(ms)
    case 'cancels':
      return history.cancelFrom(app)
    case 'quick':
      if (ms > 0) await actor.sleep(ms)
  }
}

/** Sleeps, and ends badly when it is told to. */
export function heed(actor: Actor, ms: number, signal: AbortSignal, own: boolean): Promise<void> {
  const reason = (): unknown => (own ? new Error('what it was at was broken off') : signal.reason)
  return new Promise((resolve, reject) => {
    const stop = () => {
      timer.cancel()
      reject(reason())
    }
    if (signal.aborted) return reject(reason())
    const timer = actor.after(ms, () => {
      signal.removeEventListener('abort', stop)
      resolve()
    })
    signal.addEventListener('abort', stop, { once: true })
  })
}
