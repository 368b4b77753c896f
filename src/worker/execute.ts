/** Running one job: from what was claimed to what became of it. */
import { encodeResult } from '../client/new-job.ts'
import {
  Cancelled,
  InvalidOptionError,
  InvalidInputError,
  InvalidResultError,
  JobTimeoutError,
  MissingResultError,
  NotStorableError,
  PayloadTooLargeError,
  RolledBackError,
  WorkerLostError,
} from '../errors.ts'
import type { Outcome } from '../outcome.ts'
import { isTriedAgain, retryDelayMs } from '../retry.ts'
import type { Runtime } from '../runtime.ts'
import type { NewJob } from '../store/store.ts'
import { runningJob } from '../task/context.ts'
import { parseInput, parseResult } from '../task/validate.ts'
import { builtIns } from '../workflow/built-in.ts'
import { mayHaveHoles } from '../workflow/note.ts'
import { resolved } from '../workflow/resolve.ts'
import { describe } from './describe.ts'
import type { Run } from './run.ts'

/** How a run ended: an outcome to record, one that its own transaction has recorded, or its job is to be given back. */
export type RunEnd =
  | OutcomeEnd
  | { readonly kind: 'recorded'; readonly end: OutcomeEnd }
  | { readonly kind: 'give back' }

export interface OutcomeEnd {
  readonly kind: 'outcome'
  readonly outcome: Outcome
  readonly followUps?: NewJob[] | undefined
  readonly result?: unknown
  readonly thrown?: unknown
}

/** Somebody asked for it: that says it all. */
const cancelled: RunEnd = { kind: 'outcome', outcome: { kind: 'cancelled' } }

/** Results that a step of a workflow gathers. Each has been measured before. */
const gatheredBytes = 16 * 1024 * 1024
const limitsOfGathered = ({ codec, payloadBytes }: Runtime) => ({
  codec,
  payloadBytes: Math.max(gatheredBytes, payloadBytes),
})

/** Running again would meet the same value: these fail at once. */
const isHopeless = (thrown: unknown) =>
  thrown instanceof InvalidInputError ||
  thrown instanceof InvalidResultError ||
  thrown instanceof NotStorableError ||
  thrown instanceof PayloadTooLargeError ||
  thrown instanceof MissingResultError

/** What becomes of a job whose run threw. */
function failure(run: Run, thrown: unknown, random: () => number): Outcome {
  const { retry } = run.definition
  const error = describe(thrown, (text) => run.mask(text))
  // What a handler throws may be of another job's input, and pass.
  const hopeless = (!run.handling || thrown === run.unfit) && isHopeless(thrown)
  if (hopeless || run.suspending?.isFailure(thrown) || !isTriedAgain(run.attempt, retry, thrown))
    return { kind: 'failed', error }

  return { kind: 'retry', error, delayMs: retryDelayMs(run.attempt, retry, thrown, random) }
}

function upgraded(run: Run, input: unknown): unknown {
  const { version = 1 } = run.claimed
  const { definition } = run

  return definition.upgrade && version < definition.version ? definition.upgrade(input, version) : input
}

function parsedInput(run: Run, decoded: unknown): unknown {
  const input = upgraded(run, decoded)

  return run.definition.input ? parseInput(run.definition, input) : input
}

/** What the handler is to get. Only a promise where something has to be waited for. */
export function readInput(run: Run, runtime: Runtime): unknown {
  const stored = runtime.codec.decode(run.claimed.input)
  const { members, metadata } = run.claimed
  const note = members && mayHaveHoles(metadata) ? run.note : undefined
  const decoded = note ? resolved(runtime, run.claimed, note, stored) : stored

  return decoded instanceof Promise ? decoded.then((late) => parsedInput(run, late)) : parsedInput(run, decoded)
}

/** To be called outside all jobs, where going back costs nothing: `runningJob.run` would make a context to go back to. */
function callWithin(run: Run, runtime: Runtime): unknown {
  runningJob.enterWith(run)

  return callHandler(run, runtime)
}

function callHandler(run: Run, runtime: Runtime): unknown {
  const handler = run.definition.handler!
  if (runtime.middleware.length === 0) return handler(run.input, run)

  return callThrough(run, runtime, async (context) => handler(run.input, context))
}

/** Calls `last` within all middleware. */
export function callThrough(run: Run, runtime: Runtime, last: (context: Run) => Promise<unknown>): Promise<unknown> {
  return runtime.middleware.reduceRight<(context: Run) => Promise<unknown>>(
    (next, each) => (each.run ? (context) => each.run!(context, (fields) => next(withFields(context, fields))) : next),
    last,
  )(run)
}

/** What a run has of its own would be overwritten in silence, and the worker misled. */
function withFields(context: Run, fields: object): Run {
  for (const field of Object.keys(fields)) {
    if (field in context && !context.added.has(field)) {
      throw new InvalidOptionError('a field that middleware adds', field, 'a name that a job has not already')
    }
    context.added.add(field)
  }
  return Object.assign(context, fields)
}

export function succeeded(run: Run, runtime: Runtime, returned: unknown): RunEnd | Promise<RunEnd> {
  // The store would record no other end.
  if (run.ending === 'cancelled') return cancelled
  if (run.suspending?.suspended) return run.suspending.end()
  // Refused if its transaction was committed: the job is final then.
  if (run.completed) return failed(run, runtime, new RolledBackError(run.task))
  const { definition } = run
  if (!definition.output && !run.hasFollowUps) return success(run, runtime, returned, undefined)

  return parsedSuccess(run, runtime, returned)
}

async function parsedSuccess(run: Run, runtime: Runtime, returned: unknown): Promise<RunEnd> {
  const result = await parseResult(run.definition, returned)
  const end = success(run, runtime, result, undefined)

  return run.hasFollowUps ? { ...end, followUps: await run.followUps() } : end
}

function success(run: Run, runtime: Runtime, result: unknown, followUps: undefined): OutcomeEnd {
  const { keepResult, name } = run.definition
  const limits = name === builtIns.collect ? limitsOfGathered(runtime) : runtime
  const encoded = keepResult ? encodeResult(limits, result, name) : null

  return { kind: 'outcome', outcome: { kind: 'succeeded', result: encoded }, followUps, result, thrown: undefined }
}

export function ended(run: Run, runtime: Runtime, thrown: unknown): RunEnd | Promise<RunEnd> {
  if (run.ending === 'cancelled') return cancelled
  if (run.suspending?.suspended && (run.ending === undefined || run.ending === 'stopping')) return run.suspending.end()
  if (thrown instanceof Cancelled) {
    return { kind: 'outcome', outcome: { kind: 'cancelled', error: describe(thrown, (text) => run.mask(text)) } }
  }
  // Where the job belongs to another by now, the store refuses it like any other late word.
  if (run.ending === 'stopping' || run.ending === 'lost') return interrupted(run)

  return run.suspending ? failedLate(run, runtime, thrown) : failed(run, runtime, thrown)
}

/** A step that is under way beside what failed is not to be done again by the next attempt. What failed first stays the error. */
async function failedLate(run: Run, runtime: Runtime, thrown: unknown): Promise<RunEnd> {
  await run.suspending!.fail(thrown)

  return run.ending === 'cancelled' ? cancelled : failed(run, runtime, thrown)
}

/** Others may run it again, unless it must not run twice and its handler was called. */
function interrupted(run: Run): RunEnd {
  if (!run.definition.once || !run.called) return { kind: 'give back' }
  const reason: unknown = run.ending === 'lost' ? new WorkerLostError(1) : run.signal.reason

  return {
    kind: 'outcome',
    outcome: { kind: 'failed', error: describe(reason, (text) => run.mask(text)) },
    thrown: reason,
  }
}

function failed(run: Run, runtime: Runtime, thrown: unknown): RunEnd {
  return { kind: 'outcome', outcome: failureSafely(run, runtime, thrown), thrown }
}

/** A backoff or predicate of the user's may throw too; then that is the error, and final. */
function failureSafely(run: Run, runtime: Runtime, thrown: unknown): Outcome {
  try {
    return failure(run, thrown, () => runtime.env.random())
  } catch (error) {
    return { kind: 'failed', error: describe(error, (text) => run.mask(text)) }
  }
}

/** The end of a run whose timeout is over. It still runs, so whatever else it was told, it is not given back. */
export function timedOut(run: Run, runtime: Runtime): RunEnd {
  if (run.ending === 'cancelled') return cancelled
  const { thrown } = run.suspending?.failure ?? { thrown: new JobTimeoutError(run.task, run.definition.timeoutMs!) }

  return failed(run, runtime, thrown)
}

/** The end of a run that nobody waits for any more. */
export function abandoned(run: Run, runtime: Runtime): RunEnd {
  const { failure: failedBefore } = run.suspending ?? {}
  if (failedBefore) return run.ending === 'cancelled' ? cancelled : failed(run, runtime, failedBefore.thrown)
  if (!run.definition.once) return { kind: 'give back' }
  run.end('stopping')

  return run.ending === 'cancelled' ? cancelled : interrupted(run)
}

/** Query builders and others of their kind are no promises and are awaited like them. */
const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'

/**
 * Runs a job and tells `done` how it ended, which is before this returns where nothing had to be waited for.
 * Never throws or rejects.
 */
export function execute(run: Run, runtime: Runtime, done: (run: Run, end: RunEnd) => void): void {
  let end: RunEnd | Promise<RunEnd>
  try {
    const parsed = readInput(run, runtime)
    end = parsed instanceof Promise ? handleLate(run, runtime, parsed) : handle(run, runtime, parsed)
  } catch (thrown) {
    end = ended(run, runtime, thrown)
  }
  if (end instanceof Promise || run.completed) void finish(run, runtime, end, done)
  else done(run, end)
}

/** Tells `done` how it ended, once that is known. Never rejects. */
export async function finish(
  run: Run,
  runtime: Runtime,
  late: RunEnd | Promise<RunEnd>,
  done: (run: Run, end: RunEnd) => void,
): Promise<void> {
  let end: RunEnd
  try {
    end = await late
  } catch (thrown) {
    end = await ended(run, runtime, thrown)
  }
  // Looking is cheaper than a record that is refused. One that was not committed yet still may be, and then that is what happens.
  done(run, run.completed && (await run.isFinal()) ? { kind: 'recorded', end: run.completed } : end)
}

async function handleLate(run: Run, runtime: Runtime, input: Promise<unknown>): Promise<RunEnd> {
  return handle(run, runtime, await input)
}

function handle(run: Run, runtime: Runtime, input: unknown): RunEnd | Promise<RunEnd> {
  run.input = input
  run.handling = run.called = true
  const returned = run.slots.outside(callWithin, run, runtime)
  if (isThenable(returned)) return returnedLate(run, runtime, returned)
  run.handling = false

  return succeeded(run, runtime, returned)
}

async function returnedLate(run: Run, runtime: Runtime, returned: PromiseLike<unknown>): Promise<RunEnd> {
  const result = await returned
  run.handling = false

  return succeeded(run, runtime, result)
}
