/**
 * From a flow to numbered steps, each with the steps it waits for and how their results become its input. Pure: no
 * store, no tasks, no ids.
 */
import { InvalidInputError } from '../errors.ts'
import type {
  FlowNode,
  GraphHole,
  GraphNode,
  GraphPart,
  GroupNode,
  PauseNode,
  SignalNode,
  TaskNode,
} from '../task/step.ts'

/** A value that is known when the flow has run so far. It is stored with a step, so its words are short. */
export type Wire =
  | { readonly step: number; readonly path?: readonly string[] }
  /** How the step ended: `Settled`. */
  | { readonly outcome: number; readonly path?: readonly string[] }
  /** The results of so many steps, from that one on. */
  | { readonly steps: readonly [first: number, count: number] }
  /** The same of steps that each give a list: all of them as one list. */
  | { readonly joined: readonly [first: number, count: number]; readonly path?: readonly string[] }
  | { readonly list: readonly Wire[] }
  | { readonly value: unknown }

/** Where in a step's input a value belongs; at no path, the value is the whole input. */
export interface Hole {
  readonly at: readonly string[]
  readonly wire: Wire
  /** The value is an object whose fields the given input is laid over. */
  readonly under?: true
}

export interface PlannedStep {
  readonly number: number
  readonly work:
    | { readonly kind: 'task'; readonly task: string; readonly options: TaskNode['options'] }
    /** Its result is its input. */
    | { readonly kind: 'collect' }
    | PauseNode
    | SignalNode
  readonly input: unknown
  readonly holes: readonly Hole[]
  readonly after: readonly number[]
  readonly otherwise: 'cancel' | 'run'
}

export interface Plan {
  readonly steps: readonly PlannedStep[]
  /** The step whose result is the flow's. */
  readonly last: number
}

interface End {
  readonly step: number
  /** Waited for however it ends. */
  readonly settled: boolean
}

/** What a part of a flow gives, and which steps have to end before it has. */
interface Built {
  readonly value: Wire
  readonly ends: readonly End[]
}

const nothing: Wire = { value: undefined }

export function planOf(flow: FlowNode): Plan {
  const steps: PlannedStep[] = []
  const { value, ends } = build(steps, flow, { value: nothing, ends: [] })
  const last = wholeResult(value) ?? collect(steps, value, ends)

  return { steps, last }
}

function build(steps: PlannedStep[], flow: FlowNode, before: Built): Built {
  switch (flow.kind) {
    case 'task':
      return buildTask(steps, flow, before)
    case 'chain':
      return flow.steps.reduce((reached, step) => build(steps, step, reached), before)
    case 'group':
      return buildGroup(steps, flow, before)
    case 'settled':
      return buildSettled(steps, flow.step, before)
    case 'graph':
      return buildGraph(steps, flow, before)
  }
}

function buildTask(steps: PlannedStep[], flow: TaskNode, { value, ends }: Built, holes: readonly Hole[] = []): Built {
  const { task, given, options } = flow
  const work = { kind: 'task', task, options } as const
  if (given === 'all') return result(add(steps, work, flow.input, holes, ends))
  if ('value' in value) {
    const part = given === 'part' ? laidOver(flow.task, value.value, flow.input) : value.value
    return result(add(steps, work, part, holes, ends))
  }
  const hole: Hole = given === 'part' ? { at: [], wire: value, under: true } : { at: [], wire: value }

  return result(add(steps, work, given === 'part' ? flow.input : null, [hole, ...holes], ends))
}

/** The fields that `partial` gives, over those of the value before. @throws InvalidInputError */
export function laidOver(task: string, value: unknown, given: unknown): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value, ...(given as object) }

  const before = Array.isArray(value)
    ? 'a list'
    : value === null || value === undefined
      ? 'nothing'
      : `a ${typeof value}`
  throw new InvalidInputError(task, [
    { path: '', message: `the step before gives ${before}, and \`partial\` adds fields to an object only` },
  ])
}

function buildGroup(steps: PlannedStep[], { steps: members }: GroupNode, before: Built): Built {
  if (members.length === 0) return { value: { value: [] }, ends: before.ends }

  // Many that wait for many would be as many edges as their product: one step gathers between them.
  const wide = members.length > 1 && before.ends.length > 1
  const needed = members.some(takesValue) ? before.value : nothing
  const from = wide ? result(collect(steps, needed, before.ends)) : before
  const built = members.map((member) => build(steps, member, from))

  return gathered(steps, built)
}

/** A step that waits for more would be one long step of the store. */
const mostWaitedFor = 250

/** The values of many as one list. A wide group is gathered in portions, and those again, so that no step waits for too many. */
function gathered(steps: PlannedStep[], built: readonly Built[]): Built {
  const ends = distinct(built.flatMap((each) => each.ends))
  const values = built.map(({ value }) => value)
  if (ends.length <= mostWaitedFor) return { value: listOf(values), ends }

  const portions = Array.from({ length: Math.ceil(built.length / mostWaitedFor) }, (_, n) =>
    built.slice(n * mostWaitedFor, (n + 1) * mostWaitedFor),
  )
  if (portions.length === 1) return { value: listOf(values), ends }
  return joined(
    steps,
    portions.map((portion) =>
      collect(steps, listOf(portion.map(({ value }) => value)), distinct(portion.flatMap((each) => each.ends))),
    ),
  )
}

function buildSettled(steps: PlannedStep[], inner: FlowNode, before: Built): Built {
  const { value, ends } = build(steps, inner, before)
  const whole = wholeResult(value)
  const alone = whole !== undefined && ends.length === 1 && ends[0]!.step === whole
  const step = alone ? whole : collect(steps, value, ends)

  return { value: { outcome: step }, ends: [{ step, settled: true }] }
}

function buildGraph(steps: PlannedStep[], { parts, last, given }: GraphNode, reached: Built): Built {
  const before: Built = given ? { value: { value: given.input }, ends: reached.ends } : reached
  const built: Built[] = []
  for (const part of parts) built.push(buildPart(steps, part, before, built))

  return built[last]!
}

function buildPart(steps: PlannedStep[], part: GraphPart, before: Built, built: readonly Built[]): Built {
  const others = [...part.after, ...part.holes.flatMap(({ from }) => (from === 'input' ? [] : [from]))]
  const settledToo = new Set(part.holes.flatMap(({ from, outcome }) => (outcome ? [from] : [])))
  const needed = new Set([...part.after, ...part.holes.flatMap(({ from, outcome }) => (outcome ? [] : [from]))])
  const ends = others.flatMap((other) =>
    built[other]!.ends.map((end) => ({
      step: end.step,
      settled: end.settled || part.settled || (settledToo.has(other) && !needed.has(other)),
    })),
  )
  const from: Built = { value: nothing, ends: distinct([...before.ends, ...ends]) }
  if (part.step.kind === 'pause') return result(add(steps, part.step, { ms: part.step.ms }, [], from.ends))
  if (part.step.kind === 'signal') return buildSignal(steps, part.step, from)
  if (part.step.kind !== 'task') return build(steps, part.step, from)

  const filled = part.holes.map((hole) => ({ hole, wire: sourceOf(hole, before, built) }))
  const known = filled.filter(({ wire }) => 'value' in wire)
  const input = known.reduce(
    (value, { hole, wire }) => withValue(value, hole.at, (wire as { value: unknown }).value),
    part.step.input,
  )
  const holes = filled.flatMap(({ hole, wire }) => ('value' in wire ? [] : [{ at: hole.at, wire }]))

  return buildTask(steps, { ...part.step, input }, from, holes)
}

/** It may come before its turn, so what follows waits for what was before it too. */
function buildSignal(steps: PlannedStep[], signal: SignalNode, { ends }: Built): Built {
  const { value, ends: own } = result(add(steps, signal, null, [], ends))

  return { value, ends: distinct([...ends, ...own]) }
}

function sourceOf({ from, outcome, path }: GraphHole, before: Built, built: readonly Built[]): Wire {
  const value = from === 'input' ? before.value : built[from]!.value
  if (!outcome) return along(value, path)
  const step = wholeResult(value)

  return step === undefined ? along(value, path) : along({ outcome: step }, path)
}

/** A wire to what lies at a path within the value. */
function along(wire: Wire, path: readonly string[]): Wire {
  const [key, ...rest] = path
  if (key === undefined) return wire
  if ('value' in wire) return along({ value: (wire.value as Record<string, unknown> | undefined)?.[key] }, rest)
  if ('list' in wire) return along(wire.list[Number(key)] ?? nothing, rest)
  if ('steps' in wire) return along({ step: wire.steps[0] + Number(key) }, rest)

  return { ...wire, path: [...(wire.path ?? []), ...path] }
}

/** A copy of the value with another at this path. */
export function withValue(value: unknown, [key, ...rest]: readonly string[], other: unknown): unknown {
  if (key === undefined) return other
  if (Array.isArray(value)) return value.map((item, at) => (String(at) === key ? withValue(item, rest, other) : item))

  return { ...(value as object), [key]: withValue((value as Record<string, unknown> | null)?.[key], rest, other) }
}

/** The lists that these steps give, as one list. */
function joined(steps: PlannedStep[], lists: readonly number[]): Built {
  const wire = (of: readonly number[]): Wire => ({ joined: [of[0]!, of.length] })
  const ends = lists.map((step) => ({ step, settled: false }))
  if (lists.length <= mostWaitedFor) return { value: wire(lists), ends }

  const again: number[] = []
  for (let from = 0; from < lists.length; from += mostWaitedFor) {
    const portion = lists.slice(from, from + mostWaitedFor)
    again.push(collect(steps, wire(portion), ends.slice(from, from + mostWaitedFor)))
  }
  return joined(steps, again)
}

/** Adds a step that gives this value when these have ended. */
function collect(steps: PlannedStep[], value: Wire, ends: readonly End[]): number {
  if ('value' in value) return add(steps, { kind: 'collect' }, value.value, [], ends)

  return add(steps, { kind: 'collect' }, null, [{ at: [], wire: value }], ends)
}

function add(
  steps: PlannedStep[],
  work: PlannedStep['work'],
  input: unknown,
  holes: readonly Hole[],
  ends: readonly End[],
): number {
  const mixed = ends.some(({ settled }) => settled) && ends.some(({ settled }) => !settled)
  const [after, filled] = mixed ? witnessed(steps, holes, ends) : [ends.map(({ step }) => step), holes]
  const otherwise = !mixed && ends.some(({ settled }) => settled) ? 'run' : 'cancel'

  return steps.push({ number: steps.length + 1, work, input, holes: filled, after, otherwise })
}

/**
 * A step waits for all that it waits for in one way. Where it needs some to succeed and others only to end, a step between
 * tells of the latter.
 */
function witnessed(
  steps: PlannedStep[],
  holes: readonly Hole[],
  ends: readonly End[],
): [after: number[], holes: readonly Hole[]] {
  const witnesses = new Map<number, number>()
  for (const { step, settled } of ends) {
    if (settled) witnesses.set(step, collect(steps, { outcome: step }, [{ step, settled: true }]))
  }
  const after = ends.map(({ step }) => witnesses.get(step) ?? step)

  return [after, holes.map((hole) => ({ ...hole, wire: toldBy(witnesses, hole.wire) }))]
}

function toldBy(witnesses: ReadonlyMap<number, number>, wire: Wire): Wire {
  if ('list' in wire) return { list: wire.list.map((each) => toldBy(witnesses, each)) }
  const witness = 'outcome' in wire ? witnesses.get(wire.outcome) : undefined
  if (witness === undefined) return wire

  return 'outcome' in wire && wire.path ? { step: witness, path: wire.path } : { step: witness }
}

const result = (step: number): Built => ({ value: { step }, ends: [{ step, settled: false }] })

const wholeResult = (wire: Wire): number | undefined => ('step' in wire && !wire.path ? wire.step : undefined)

/** Whether it would hand the value before it to any task. */
function takesValue(flow: FlowNode): boolean {
  if (flow.kind === 'task') return flow.given !== 'all'
  if (flow.kind === 'chain') return flow.steps.length > 0 && takesValue(flow.steps[0]!)
  if (flow.kind === 'group') return flow.steps.some(takesValue)

  return flow.kind === 'graph' ? !flow.given : takesValue(flow.step)
}

/** Whether some of its input is known to be missing where nothing comes before it. A task alone may need none. */
export function lacksInput(flow: FlowNode | PauseNode | SignalNode): boolean {
  switch (flow.kind) {
    case 'task':
      return flow.given === 'part'
    case 'chain':
      return lacksInput(flow.steps[0]!)
    case 'group':
      return flow.steps.some(lacksInput)
    case 'settled':
      return lacksInput(flow.step)
    case 'graph':
      return !flow.given && flow.parts.some(({ step, holes }) => lacksInput(step) || holes.some(isOfInput))
    default:
      return false
  }
}

const isOfInput = ({ from }: GraphHole) => from === 'input'

/** The results of steps that follow one another are named together: ten thousand of them are as short as two. */
function listOf(values: readonly Wire[]): Wire {
  const first = values[0] && wholeResult(values[0])
  const isRun = first !== undefined && values.every((value, at) => wholeResult(value) === first + at)
  if (isRun) return { steps: [first, values.length] }

  return values.every((value) => 'value' in value) ? { value: values.map(({ value }) => value) } : { list: values }
}

/** Whoever needs one to succeed does, even if it would also be content with its end. */
function distinct(ends: readonly End[]): End[] {
  const known = new Map<number, End>()
  for (const end of ends) {
    const other = known.get(end.step)
    known.set(end.step, other ? { step: end.step, settled: end.settled && other.settled } : end)
  }
  return [...known.values()]
}
