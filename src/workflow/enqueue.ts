/** Bringing a flow into the store. */
import { createHash } from 'node:crypto'
import type { Client } from '../client/client.ts'
import { culprit, refusal, tooLate } from '../client/client.ts'
import { throughMiddleware } from '../client/drafts.ts'
import { enqueueOptionNames, type EnqueueOptions } from '../client/enqueue-options.ts'
import { slices } from '../client/inserting.ts'
import { checkId, dependenciesOf } from '../client/new-job.ts'
import { IdConflictError, InvalidOptionError, WouldDeadlockError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import type { Runtime } from '../runtime.ts'
import type { InsertOutcome, JobRecord, NewJob, Store, UniqueKey } from '../store/store.ts'
import { uniqueKey } from '../task/definition.ts'
import type { AnyStep, FlowNode } from '../task/step.ts'
import { builtIns } from './built-in.ts'
import { wholeFlowOf } from './compose.ts'
import { gateIdOf, insertEnded, insertGated, startedBy } from './gate.ts'
import { planOf } from './graph.ts'
import { WorkflowHandle } from './handle.ts'
import { jobsAtOnce, jobsOf, nameOfFlow, type Making, type Origin } from './jobs.ts'
import { noteIn, withDigestInNote } from './note.ts'

const where = 'the workflow'

interface Sending {
  readonly id: string
  readonly options: EnqueueOptions
  readonly origin?: Origin
}

export async function enqueueFlow(
  runtime: Runtime,
  client: Client,
  step: AnyStep,
  options: EnqueueOptions = {},
): Promise<WorkflowHandle> {
  const flow = wholeFlowOf(step, 'what is enqueued')
  if (typeof options !== 'object' || options === null)
    throw new InvalidOptionError(
      'the options of enqueueing it',
      options,
      'an object. Its input goes with it: `task.with(input)`',
    )
  if (flow.kind === 'task') {
    const job = await client.enqueue(runtime.registry.get(flow.task), flow.input, { ...flow.options, ...options })
    return new WorkflowHandle(runtime, job.id, job.deduplicated)
  }
  checkFlowOptions(options)
  const id = options.id === undefined ? runtime.env.id() : checkId(options.id)
  const sending = { id, options }
  const other =
    options.tx === undefined
      ? await insertFlow(runtime, flow, sending)
      : await insertFlowWith(runtime, client, flow, sending)

  return new WorkflowHandle(runtime, other ?? id, other !== undefined)
}

function checkFlowOptions(options: EnqueueOptions): void {
  checkOptions(options, enqueueOptionNames, `the options of enqueueing ${where}`)
  for (const option of ['queue', 'onSucceeded', 'onFailed'] as const) {
    if (options[option] !== undefined) {
      throw new InvalidOptionError(`\`${option}\` of a workflow`, options[option], 'left out: it is for a single job')
    }
  }
}

/**
 * With the same id a flow can be inserted again, and is there once. Gives the id of the workflow that holds its unique
 * key, where there is one; then nothing was added.
 */
export async function insertFlow(runtime: Runtime, flow: FlowNode, sending: Sending): Promise<string | undefined> {
  const { id, options } = sending
  const jobs = asSent(await jobsOf(runtime, planOf(flow), makingOf(flow, sending)), flow, sending)
  refuseDeadlock(jobs, sending)
  const store = runtime.store ?? (await runtime.open())

  return throughMiddleware(runtime, jobs, async (drafted) => {
    if (options.id !== undefined && !isEmpty(drafted) && (await isThere(store, id, drafted))) return undefined
    return takenBy(runtime, drafted, await insertJobs(runtime, store, drafted, sending))
  })
}

/** @throws WouldDeadlockError where whoever waits for it holds the line that a job of it stands in */
function refuseDeadlock(jobs: readonly NewJob[], { id, origin }: Sending): void {
  const order = origin?.line
  if (order !== undefined && jobs.some(({ lane }) => lane?.name === order)) throw new WouldDeadlockError(id, { order })
}

/** In one call, whatever its size: it is there with the rest of the transaction or not at all. */
function insertFlowWith(
  runtime: Runtime,
  client: Client,
  flow: FlowNode,
  sending: Sending,
): Promise<string | undefined> {
  const { id, options } = sending
  const jobs = jobsAtOnce(runtime, planOf(flow), makingOf(flow, sending), (task) => {
    throw tooLate(`the schema of "${task}" is asynchronous`)
  })
  return client.insertWith(options.tx, asSent(jobs, flow, sending), (drafted, outcomes) => {
    const last = outcomes[drafted.findIndex((job) => job.id === id)]
    if (last?.kind === 'exists' && outcomes.some(({ kind }) => kind === 'inserted')) throw new IdConflictError(id)
    return takenBy(runtime, drafted, outcomes)
  })
}

const makingOf = (flow: FlowNode, { id, options, origin }: Sending): Making => ({
  id,
  name: nameOfFlow(flow),
  options,
  after: dependenciesOf(options, where),
  origin,
})

/**
 * Whether the whole of this flow is in the store already. Its last step tells: earlier ones may have been pruned before it,
 * and would run again. @throws IdConflictError where another flow has this id
 */
async function isThere(store: Store, id: string, jobs: readonly NewJob[]): Promise<boolean> {
  const [last, gate] = await store.get([id, gateIdOf(id)])
  if (!last || last === 'gone') return false
  const own = jobs.find((job) => job.id === id)!
  if (!isSameStep(last, own)) throw new IdConflictError(id)

  return !gate || gate === 'gone' || gate.state === 'succeeded'
}

/** With what the last step has to carry for all of them. */
function asSent(jobs: readonly NewJob[], flow: FlowNode, sending: Sending): readonly NewJob[] {
  const keyed = withKey(jobs, flow, sending)

  return sending.options.id === undefined ? keyed : withDigest(keyed, sending.id)
}

/** To be known again: the last step says what all of them are. */
function withDigest(jobs: readonly NewJob[], id: string): readonly NewJob[] {
  const all = jobs.map(({ id: step, task, input, after }) => [step, task, input, after?.on])
  const digest = createHash('sha256').update(JSON.stringify(all)).digest('base64url')

  return jobs.map((job) => (job.id === id ? { ...job, metadata: withDigestInNote(job.metadata, digest) } : job))
}

const isSameStep = (known: JobRecord, job: NewJob) =>
  known.task === job.task && known.input === job.input && noteIn(known.metadata) === noteIn(job.metadata)

/** The last step holds the key, since that ends when the workflow does. */
function withKey(jobs: readonly NewJob[], flow: FlowNode, { id, options: { unique } }: Sending): readonly NewJob[] {
  if (unique === undefined) return jobs
  const key = keyOf(flow, unique)

  return jobs.map((job) => (job.id === id ? { ...job, unique: key } : job))
}

function keyOf(flow: FlowNode, unique: NonNullable<EnqueueOptions['unique']>): UniqueKey {
  const options = typeof unique === 'string' ? { key: unique } : unique
  checkOptions(options, ['key', 'while', 'for', 'onConflict'], `\`unique\` of ${where}`)
  for (const option of ['while', 'onConflict'] as const) {
    if (options[option] !== undefined) {
      throw new InvalidOptionError(
        `\`unique.${option}\` of ${where}`,
        options[option],
        'left out: the key of a workflow is taken until all of it has ended, and who holds it keeps it',
      )
    }
  }
  const { key, scope } = uniqueKey(options.key, options, where)
  const name = flow.kind === 'graph' ? ` ${flow.name}` : ''

  return { key: `workflow${name} ${key}`, scope, onConflict: 'refuse' }
}

/** @throws IdConflictError, UnknownDependencyError */
function takenBy({ bus }: Runtime, jobs: readonly NewJob[], outcomes: readonly InsertOutcome[]): string | undefined {
  const refused = culprit(outcomes)
  if (refused?.reason === 'taken') return refused.other
  if (refused) throw refusal(outcomes)
  if (bus.hears('enqueued')) {
    for (const [at, { id, task, queue }] of jobs.entries())
      if (outcomes[at]!.kind === 'inserted') bus.emit('enqueued', { id, task, queue })
  }
  return undefined
}

/** Nothing is to be run: it only gives a value that is known already. */
const isEmpty = ([job, ...others]: readonly NewJob[]) =>
  others.length === 0 && job!.task === builtIns.collect && !job!.after && !job!.due

async function insertJobs(
  runtime: Runtime,
  store: Store,
  jobs: readonly NewJob[],
  { id, origin }: Sending,
): Promise<readonly InsertOutcome[]> {
  if (isEmpty(jobs)) return insertEnded(store, jobs[0]!, origin?.by)
  const calls = slices(jobs, store.limits)

  return calls.length === 1
    ? runtime.gathering.addCall(startedBy(jobs, origin?.by))
    : insertGated(store, { id, by: origin?.by }, jobs, calls)
}
