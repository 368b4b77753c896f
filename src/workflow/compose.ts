/** Steps made of steps: one after the other, side by side, and whatever becomes of them. */
import { Described, InvalidOptionError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import { copied } from '../task/copied.ts'
import { stepOf, type AnyStep, type FlowNode, type GraphPart, type Settled, type Step } from '../task/step.ts'
import type { Task } from '../task/task.ts'
import { lacksInput } from './graph.ts'

export type ResultOf<S> = S extends { readonly '~result'?: (() => infer R) | undefined } ? R : never
export type MissingOf<S> = S extends { readonly '~missing'?: ((missing: infer M) => void) | undefined } ? M : never

/** What the compiler shows where a step does not fit the one before it. */
interface LinkError<Got, Needed> {
  'this step does not fit': 'the step before returns'
  got: Got
  needed: Needed
}
type Fits<Before, S> = [MissingOf<S>] extends [void]
  ? S
  : [Before] extends [MissingOf<S>]
    ? S
    : LinkError<Before, MissingOf<S>>

type Links<Before, T extends readonly AnyStep[], Done extends readonly unknown[] = readonly []> = T extends readonly [
  infer First extends AnyStep,
  ...infer Rest extends readonly AnyStep[],
]
  ? Links<ResultOf<First>, Rest, readonly [...Done, Fits<Before, First>]>
  : Done
type LastResult<T extends readonly AnyStep[]> = T extends readonly [...AnyStep[], infer Last] ? ResultOf<Last> : never

/** Members that miss nothing ask for nothing; the others must all accept the same value. */
type GroupMissing<T extends readonly AnyStep[]> = [Needs<T[number]>] extends [never]
  ? void
  : Both<Needs<T[number]>> extends Boxed<infer X>
    ? X
    : never
type Needs<S> = S extends AnyStep ? ([MissingOf<S>] extends [void] ? never : MissingOf<S>) : never
interface Boxed<X> {
  readonly x: (value: X) => void
}
type Both<U> = (U extends unknown ? (u: U) => void : never) extends (u: infer X) => void ? Boxed<X> : never

/** One after the other, each given the result of the one before. A step made by `task.with` only waits for it. */
export function chain<const T extends readonly [AnyStep, ...AnyStep[]]>(
  ...steps: T & Links<MissingOf<T[0]>, T>
): Step<MissingOf<T[0]>, LastResult<T>> {
  if ((steps as readonly unknown[]).length === 0)
    throw new InvalidOptionError('a chain', new Described('none'), 'given one step at least')

  return inARow((steps as unknown as AnyStep[]).map((step) => flowOf(step, 'a step of a chain')))
}

/** A chain of chains is one chain, so that long ones built piece by piece are not deep. */
const inARow = (flows: readonly FlowNode[]) =>
  stepOf<any, any>({ kind: 'chain', steps: flows.flatMap((flow) => (flow.kind === 'chain' ? flow.steps : [flow])) })

/** Side by side, each given the same. Their results come in the order of the steps. */
export function group<const T extends readonly AnyStep[]>(
  ...steps: T
): Step<GroupMissing<T>, { -readonly [K in keyof T]: ResultOf<T[K]> }> {
  return stepOf({ kind: 'group', steps: steps.map((step) => flowOf(step, 'a step of a group')) })
}

/** A callback with the results of all: `chain(header, callback)` by its usual name. */
export function chord<Missing, Result, R>(header: Step<Missing, Result>, callback: Step<Result, R>): Step<Missing, R> {
  return inARow([flowOf(header, 'a step of a chord'), flowOf(callback, 'a step of a chord')])
}

/** The task once per input, side by side; with `slice`, once per so many inputs. */
export function mapEach<I, R>(task: Task<I, R>, inputs: readonly I[]): Step<void, R[]>
export function mapEach<I, R>(
  task: Task<readonly I[], R> | Task<I[], R>,
  inputs: readonly I[],
  options: { slice: number },
): Step<void, R[]>
export function mapEach(
  task: Task<any, any>,
  inputs: readonly unknown[],
  options?: { slice: number },
): Step<void, any> {
  if (!Array.isArray(inputs)) throw new InvalidOptionError('what `mapEach` is given', inputs, 'an array of inputs')
  if (options !== undefined) checkOptions(options, ['slice'], 'the options of `mapEach`')
  const { name } = task
  const all = options ? slicesOf(inputs, options.slice) : inputs

  return stepOf({
    kind: 'group',
    steps: all.map((input) => ({ kind: 'task', task: name, given: 'all', input: copied(input) })),
  })
}

/** How the step ended, instead of its result: what follows runs although it failed. */
export function settled<Missing, Result>(step: Step<Missing, Result>): Step<Missing, Settled<Result>> {
  return stepOf({ kind: 'settled', step: flowOf(step, 'what `settled` is given') })
}

function slicesOf(inputs: readonly unknown[], size: number): unknown[][] {
  if (!Number.isInteger(size) || size < 1) {
    throw new InvalidOptionError('`slice` of `mapEach`', size, 'a whole number of at least 1')
  }
  return Array.from({ length: Math.ceil(inputs.length / size) }, (_, n) => inputs.slice(n * size, (n + 1) * size))
}

/** @throws InvalidOptionError */
export function flowOf(step: AnyStep, where: string): FlowNode {
  const flow = (step as AnyStep | undefined)?.['~flow']
  if (flow && depthOf(flow) <= deepest) return flow
  if (flow) throw new InvalidOptionError(where, new Described('a deeper one'), `at most ${deepest} steps in steps deep`)

  throw new InvalidOptionError(where, step, 'a task, `task.with(input)`, or what chain, group and their like give')
}

/** A flow that nothing comes before. @throws InvalidOptionError where it lacks input all the same */
export function wholeFlowOf(step: AnyStep, where: string): FlowNode {
  const flow = flowOf(step, where)
  if (!lacksInput(flow)) return flow

  throw new InvalidOptionError(
    where,
    new Described('a flow that lacks some of its input'),
    'given all of its input, with `with(input)`: no step comes before it',
  )
}

/** The places of results are stored with a step, as deep as twice its flow, and stored values are at most 500 levels deep. */
const deepest = 200
const depths = new WeakMap<object, number>()

function depthOf(node: GraphPart['step']): number {
  if (node.kind === 'task' || node.kind === 'pause' || node.kind === 'signal') return 0
  const known = depths.get(node)
  if (known !== undefined) return known
  const depth = 1 + partsOf(node).reduce((most, part) => Math.max(most, depthOf(part)), 0)
  depths.set(node, depth)

  return depth
}

function partsOf(node: Exclude<FlowNode, { kind: 'task' }>): readonly GraphPart['step'][] {
  if (node.kind === 'settled') return [node.step]

  return node.kind === 'graph' ? node.parts.map(({ step }) => step) : node.steps
}
