/** From a plan to the jobs that go to the store. */
import type { EnqueueOptions } from '../client/enqueue-options.ts'
import { encodeMetadata, encodeWithin, newJob } from '../client/new-job.ts'
import { InvalidOptionError } from '../errors.ts'
import type { Rank } from '../job.ts'
import type { Runtime } from '../runtime.ts'
import type { Claim, Dependencies, NewJob } from '../store/store.ts'
import { taskDefaults } from '../task/definition.ts'
import { isKeyed } from '../task/limits.ts'
import type { FlowNode } from '../task/step.ts'
import { durationMs } from '../duration.ts'
import { parseInput } from '../task/validate.ts'
import { builtIns } from './built-in.ts'
import type { Plan, PlannedStep, Wire } from './graph.ts'
import { anyWorkflowTag, noted, partTag, rangesOf, signalTag, stepId, workflowTag, type StepNote } from './note.ts'

export interface Origin {
  /** The job whose handler starts it, and the claim under which that runs. */
  readonly by: Claim
  /** The workflow, or the job, at the very beginning. */
  readonly of: string
  /** The workflow that the job is a step of, or the job. */
  readonly within: string
  /** The line that the job holds while it waits for this, where its task has an order. */
  readonly line?: string | undefined
}

export interface Making {
  readonly id: string
  readonly name: string
  /** Given for the whole flow; a step's own go before them. */
  readonly options: EnqueueOptions
  /** Steps that wait for nothing in the flow wait for these. */
  readonly after: Dependencies | undefined
  /** Where a handler starts it: the job, and what that job is part of. */
  readonly origin?: Origin | undefined
}

/** Jobs are made in pieces of so many, as for any enqueueing of many. */
const stepsPerLook = 64

interface Drafted {
  readonly job: NewJob
  readonly redact: readonly string[]
}

/** The jobs in an order in which each comes after those it waits for. @throws what enqueueing a task throws */
export async function jobsOf(runtime: Runtime, plan: Plan, making: Making): Promise<NewJob[]> {
  const { stretch } = runtime
  const drafted: Drafted[] = []
  for (const step of plan.steps) {
    const draft = draftOf(runtime, plan, step, making, drafted)
    drafted.push(draft instanceof Promise ? await draft : draft)
    if (drafted.length % stepsPerLook === 0 && stretch.isOver()) await stretch.pause()
  }
  return drafted.map(({ job }) => job)
}

/** The same for who cannot wait: `late` is told of a task whose schema would. */
export function jobsAtOnce(runtime: Runtime, plan: Plan, making: Making, late: (task: string) => never): NewJob[] {
  const drafted: Drafted[] = []
  for (const step of plan.steps) {
    const draft = draftOf(runtime, plan, step, making, drafted)
    if (draft instanceof Promise) {
      draft.catch(() => {})
      late((step.work as { task: string }).task)
    } else drafted.push(draft)
  }
  return drafted.map(({ job }) => job)
}

function draftOf(
  runtime: Runtime,
  plan: Plan,
  step: PlannedStep,
  making: Making,
  earlier: readonly Drafted[],
): Drafted | Promise<Drafted> {
  const { work } = step
  if (work.kind !== 'task') return ownStep(runtime, plan, step, making, earlier)
  const task = runtime.registry.get(work.task)
  if (step.holes.length > 0 && task.limits && isKeyed(task.limits)) throw unknownKey(task.name)
  const make = (parsed: unknown): Drafted => {
    // Within a workflow a step cannot be another's: a key would leave those that wait for it alone.
    const job = newJob(
      runtime,
      { ...task, unique: undefined },
      step.input,
      parsed,
      optionsOf(step, making, task.limits?.order !== undefined),
    )
    return { job: placed(runtime, plan, step, making, job), redact: task.redact ?? [] }
  }
  const parsed = step.holes.length > 0 ? undefined : parseInput(task, step.input)

  return parsed instanceof Promise ? parsed.then(make) : make(parsed)
}

const unknownKey = (task: string) =>
  new InvalidOptionError(
    `a step of "${task}"`,
    'the result of another step',
    'given its whole input: its limit or order goes by a key of the input, which must be known when it is enqueued',
  )

function optionsOf({ work, after }: PlannedStep, { options }: Making, ordered: boolean): EnqueueOptions {
  const { priority, tags = [], metadata, expires, delay, at } = options
  const own = (work as { options?: EnqueueOptions }).options ?? {}
  const first = after.length === 0 && own.delay === undefined && own.at === undefined

  return {
    ...(priority !== undefined && !ordered && { priority }),
    ...(expires !== undefined && { expires }),
    ...(first && delay !== undefined && { delay }),
    ...(first && at !== undefined && { at }),
    ...own,
    tags: [...tags, ...(own.tags ?? [])],
    metadata: { ...metadata, ...own.metadata },
  }
}

/** A step that Errand runs by itself, in the queue of the step before it, which some worker serves. */
function ownStep(
  runtime: Runtime,
  plan: Plan,
  step: PlannedStep,
  making: Making,
  earlier: readonly Drafted[],
): Drafted {
  const { work } = step
  const before = earlier[(step.after[0] ?? 0) - 1]?.job
  const redact = work.kind === 'collect' ? redactOf(step, earlier) : []
  const job: NewJob = {
    id: '',
    task: builtIns[work.kind as 'collect'],
    queue: before?.queue ?? queueOf(runtime, plan),
    rank: before?.rank ?? (2 as Rank),
    input: encodeWithin(runtime, step.input, 'the values of a workflow'),
    ...keep,
    ...(redact.length > 0 && { redact }),
    ...(work.kind === 'signal' && { held: true }),
    ...(work.kind === 'signal' && work.timeoutMs !== undefined && { expires: { inMs: work.timeoutMs } }),
    ...(Object.keys(making.options.metadata ?? {}).length > 0 && {
      metadata: encodeMetadata(runtime, making.options.metadata, 'the workflow'),
    }),
    ...(making.options.tags && { tags: making.options.tags }),
  }
  return { job: placed(runtime, plan, step, making, job), redact }
}

const keep = {
  keepSucceededMs: durationMs(taskDefaults.keep.succeeded, 'keep'),
  keepFailedMs: durationMs(taskDefaults.keep.failed, 'keep'),
}

/** Where a step that waits for nothing goes: to the workers of the first task. */
function queueOf({ registry }: Runtime, { steps }: Plan): string {
  for (const { work } of steps) if (work.kind === 'task') return registry.get(work.task).queue

  return registry.get(builtIns.collect).queue
}

/** A job in its place: with its id, what it waits for, and what it knows of the workflow. */
function placed(runtime: Runtime, plan: Plan, step: PlannedStep, making: Making, job: NewJob): NewJob {
  const { id, name, origin } = making
  const isLast = step.number === plan.last
  const note: StepNote = {
    id,
    name,
    ...(origin && { by: origin.by.id, of: origin.of }),
    step: step.number,
    last: plan.last,
    total: plan.steps.length,
    ...(step.after.length > 0 && { after: rangesOf(step.after) }),
    ...(isLast && signalsIn(plan)),
    ...(step.holes.length > 0 && { holes: step.holes }),
  }
  const on = step.after.map((number) => stepId(id, number, plan.last))
  const { work } = step

  return {
    ...job,
    id: stepId(id, step.number, plan.last),
    metadata: noted(job.metadata, encodeWithin(runtime, note, 'the places where results belong')),
    tags: [
      ...new Set([
        ...(job.tags ?? []),
        workflowTag(id),
        ...(origin ? [workflowTag(origin.of), workflowTag(origin.within)] : []),
        ...(isLast && isOwn(making) ? [anyWorkflowTag] : []),
        ...(isLast && origin ? [partTag(origin.within)] : []),
        ...(work.kind === 'signal' ? [id, origin?.of ?? id].map((of) => signalTag(of, work.name)) : []),
      ]),
    ],
    ...(on.length > 0 ? { after: { on, otherwise: step.otherwise } } : making.after && { after: making.after }),
  }
}

/** The steps that wait for signals, for the note of the last. */
function signalsIn({ steps }: Plan): Pick<StepNote, 'signals'> {
  const waiting = new Map<string, number[]>()
  for (const { work, number } of steps) {
    if (work.kind === 'signal') waiting.set(work.name, [...(waiting.get(work.name) ?? []), number])
  }
  if (waiting.size === 0) return {}

  return { signals: Object.fromEntries([...waiting].map(([name, numbers]) => [name, rangesOf(numbers)])) }
}

/** Whether it is part of no other workflow: what the handler of a single job starts is the workflow that people look for. */
const isOwn = ({ origin }: Making) => origin === undefined || origin.by.id === origin.of

/** What must not be shown of the results that a step gathers. */
function redactOf({ holes }: PlannedStep, earlier: readonly Drafted[]): string[] {
  const paths = new Set<string>()
  for (const { wire } of holes) addPaths(wire, '', earlier, paths)

  return [...paths]
}

function addPaths(wire: Wire, before: string, earlier: readonly Drafted[], paths: Set<string>): void {
  const from = (step: number, prefix: string) => {
    for (const path of earlier[step - 1]!.redact) paths.add(prefix + path)
  }
  if ('step' in wire) from(wire.step, before)
  else if ('outcome' in wire) from(wire.outcome, `${before}result.`)
  else if ('steps' in wire) {
    const [first, count] = wire.steps
    for (let at = 0; at < count; at++) from(first + at, `${before}*.`)
  } else if ('joined' in wire) {
    const [first, count] = wire.joined
    for (let at = 0; at < count; at++) from(first + at, before)
  } else if ('list' in wire) for (const each of wire.list) addPaths(each, `${before}*.`, earlier, paths)
}

/** What people call a flow that has no name of its own. */
export function nameOfFlow(flow: FlowNode): string {
  const name = describe(flow)

  return name.length > longestName ? `${name.slice(0, longestName - 1)}…` : name
}

const longestName = 80

function describe(flow: FlowNode): string {
  switch (flow.kind) {
    case 'task':
      return flow.task
    case 'chain':
      return flow.steps.slice(0, 10).map(describe).join(' → ')
    case 'group':
      return groupName(flow.steps)
    case 'settled':
      return describe(flow.step)
    case 'graph':
      return flow.name
  }
}

function groupName(steps: readonly FlowNode[]): string {
  if (steps.length === 0) return 'nothing'
  const names = [...new Set(steps.slice(0, 10).map(describe))]

  return names.length === 1 ? `${steps.length} × ${names[0]}` : `(${names.join(', ')})`
}
