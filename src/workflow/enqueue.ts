/** Bringing a flow into the store. */
import type { Client } from '../client/client.ts'
import { culprit, refusal, tooLate } from '../client/client.ts'
import { throughMiddleware } from '../client/drafts.ts'
import { enqueueOptionNames, type EnqueueOptions } from '../client/enqueue-options.ts'
import { slices } from '../client/inserting.ts'
import { checkId, dependenciesOf } from '../client/new-job.ts'
import { InvalidOptionError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import type { Runtime } from '../runtime.ts'
import type { InsertOutcome, NewJob, Store, UniqueKey } from '../store/store.ts'
import { uniqueKey } from '../task/definition.ts'
import type { AnyStep, FlowNode } from '../task/step.ts'
import { builtIns } from './built-in.ts'
import { flowOf } from './compose.ts'
import { insertEnded, insertGated } from './gate.ts'
import { planOf } from './graph.ts'
import { WorkflowHandle } from './handle.ts'
import { jobsAtOnce, jobsOf, nameOfFlow, type Making } from './jobs.ts'

const where = 'the workflow'

export async function enqueueFlow(
  runtime: Runtime,
  client: Client,
  step: AnyStep,
  options: EnqueueOptions = {},
): Promise<WorkflowHandle> {
  const flow = flowOf(step, '`enqueue`')
  if (flow.kind === 'task') {
    const job = await client.enqueue(runtime.registry.get(flow.task), flow.input, { ...flow.options, ...options })
    return new WorkflowHandle(runtime, job.id, job.deduplicated)
  }
  checkFlowOptions(options)
  const id = options.id === undefined ? runtime.env.id() : checkId(options.id)
  const other =
    options.tx === undefined
      ? await insertFlow(runtime, flow, id, options)
      : await insertFlowWith(runtime, client, flow, id, options)

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
export async function insertFlow(
  runtime: Runtime,
  flow: FlowNode,
  id: string,
  options: EnqueueOptions,
  origin?: Making['origin'],
): Promise<string | undefined> {
  const plan = planOf(flow)
  const jobs = withKey(await jobsOf(runtime, plan, makingOf(flow, id, options, origin)), flow, id, options)
  const store = runtime.store ?? (await runtime.open())

  return throughMiddleware(runtime, jobs, async (drafted) =>
    takenBy(runtime, drafted, await insertJobs(runtime, store, id, drafted)),
  )
}

/** In one call, whatever its size: it is there with the rest of the transaction or not at all. */
function insertFlowWith(
  runtime: Runtime,
  client: Client,
  flow: FlowNode,
  id: string,
  options: EnqueueOptions,
): Promise<string | undefined> {
  const jobs = jobsAtOnce(runtime, planOf(flow), makingOf(flow, id, options), (task) => {
    throw tooLate(`the schema of "${task}" is asynchronous`)
  })
  return client.insertWith(options.tx, withKey(jobs, flow, id, options), (drafted, outcomes) =>
    takenBy(runtime, drafted, outcomes),
  )
}

const makingOf = (flow: FlowNode, id: string, options: EnqueueOptions, origin?: Making['origin']): Making => ({
  id,
  name: nameOfFlow(flow),
  options,
  after: dependenciesOf(options, where),
  origin,
})

/** The last step holds the key, since that ends when the workflow does. */
function withKey(jobs: readonly NewJob[], flow: FlowNode, id: string, { unique }: EnqueueOptions): readonly NewJob[] {
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
  id: string,
  jobs: readonly NewJob[],
): Promise<readonly InsertOutcome[]> {
  if (isEmpty(jobs)) return insertEnded(store, jobs[0]!)
  const calls = [...slices(jobs, store.limits)]

  return calls.length === 1 ? runtime.gathering.addCall(jobs) : insertGated(store, id, jobs, calls)
}
