/** Bringing a flow into the store: in one call where it fits, else held call by call and opened at the end. */
import type { Client } from '../client/client.ts'
import type { EnqueueOptions } from '../client/enqueue-options.ts'
import { insertSafely, slices } from '../client/inserting.ts'
import { dependenciesOf } from '../client/new-job.ts'
import { InvalidOptionError } from '../errors.ts'
import { throughMiddleware } from '../client/drafts.ts'
import type { Runtime } from '../runtime.ts'
import type { NewJob, Store } from '../store/store.ts'
import type { AnyStep, FlowNode } from '../task/step.ts'
import { refusal } from '../client/client.ts'
import { builtIns } from './built-in.ts'
import { flowOf } from './compose.ts'
import { planOf } from './graph.ts'
import { WorkflowHandle } from './handle.ts'
import { jobsOf, nameOfFlow, type Making } from './jobs.ts'
import { workflowTag } from './note.ts'

/** A flow that was not wholly enqueued for so long never will be: what is there of it is cancelled. */
const gateMs = 3_600_000

export async function enqueueFlow(
  runtime: Runtime,
  client: Client,
  step: AnyStep,
  options: EnqueueOptions = {},
): Promise<WorkflowHandle> {
  const flow = flowOf(step, '`enqueue`')
  for (const option of ['unique', 'tx', 'queue', 'onSucceeded', 'onFailed'] as const) {
    if (flow.kind !== 'task' && options[option] !== undefined) {
      throw new InvalidOptionError(`\`${option}\` of a workflow`, options[option], 'left out: it is for a single job')
    }
  }
  if (flow.kind === 'task') {
    const { id } = await client.enqueue(runtime.registry.get(flow.task), flow.input, { ...flow.options, ...options })
    return new WorkflowHandle(runtime, id)
  }
  const id = options.id ?? runtime.env.id()
  await insertFlow(runtime, flow, id, options)

  return new WorkflowHandle(runtime, id)
}

/** With the same id a flow can be inserted again, and is there once. */
export async function insertFlow(
  runtime: Runtime,
  flow: FlowNode,
  id: string,
  options: EnqueueOptions,
  origin?: Making['origin'],
): Promise<void> {
  const plan = planOf(flow)
  const after = dependenciesOf(options, 'the workflow')
  const jobs = await jobsOf(runtime, plan, { id, name: nameOfFlow(flow), options, after, origin })
  const store = await runtime.open()

  await throughMiddleware(runtime, jobs, (drafted) =>
    isEmpty(drafted) ? insertEnded(store, drafted) : insertJobs(store, id, drafted),
  )
}

/** Nothing is to be run: it only gives a value that is known already. */
const isEmpty = ([job, ...others]: readonly NewJob[]) =>
  others.length === 0 && job!.task === builtIns.collect && !job!.after && !job!.due

async function insertEnded(store: Store, jobs: readonly NewJob[]): Promise<void> {
  await insert(store, [{ ...jobs[0]!, held: true }])
  await store.release([{ id: jobs[0]!.id, result: jobs[0]!.input }])
}

async function insertJobs(store: Store, id: string, jobs: readonly NewJob[]): Promise<void> {
  const calls = [...slices(jobs, store.limits)]
  if (calls.length === 1) return insert(store, jobs)

  const own = new Set(jobs.map((job) => job.id))
  const gate = gateOf(id, jobs[0]!)
  const opening = [gate, ...startOf(id, gate, jobs, own)]
  const opened = opening.map((job) => job.id)
  await insert(store, opening)
  for (const call of calls) {
    const gated = call.map((job) => behind(opened, job, own))
    await insert(store, gated)
  }
  await store.release([{ id: gate.id, result: null }])
}

const gateOf = (id: string, { queue, rank, keepFailedMs, keepSucceededMs }: NewJob): NewJob => ({
  id: `${id}.gate`,
  task: builtIns.gate,
  queue,
  rank,
  input: 'null',
  held: true,
  expires: { inMs: gateMs },
  keepSucceededMs,
  keepFailedMs,
  tags: [`gate:${workflowTag(id)}`],
})

/**
 * Where first steps run whatever becomes of the jobs before the flow, a step between waits for those: the gate itself must open
 * well, so nobody who waits for it may run otherwise.
 */
function startOf(id: string, gate: NewJob, jobs: readonly NewJob[], own: ReadonlySet<string>): NewJob[] {
  const before = jobs.find((job) => isFirst(job, own))?.after
  if (before?.otherwise !== 'run') return []
  const { held: _, expires: __, ...rest } = gate

  return [{ ...rest, id: `${id}.start`, task: builtIns.collect, after: before }]
}

const isFirst = ({ after }: NewJob, own: ReadonlySet<string>) => !after?.on.some((id) => own.has(id))

/** Steps that wait for no other of the flow wait for the gate; the others wait for those. */
function behind(opening: readonly string[], job: NewJob, own: ReadonlySet<string>): NewJob {
  if (!isFirst(job, own)) return job
  const before = job.after && job.after.otherwise === 'cancel' ? job.after.on : []

  return { ...job, after: { on: [...before, ...opening], otherwise: 'cancel' } }
}

async function insert(store: Store, jobs: readonly NewJob[]): Promise<void> {
  const [outcomes] = await insertSafely(store, [jobs])
  if (outcomes!.some(({ kind }) => kind === 'refused')) throw refusal(jobs, outcomes!)
}
