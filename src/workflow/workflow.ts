/**
 * Workflows of any shape: a function says which steps there are and which results their inputs contain. It runs once, when
 * the workflow is defined; results are referred to in it, never had.
 */
import { durationMs, type Duration } from '../duration.ts'
import { Described, InvalidOptionError } from '../errors.ts'
import { checkName, checkOneOf, checkOptions } from '../options.ts'
import { copied } from '../task/copied.ts'
import type { AnyTask, Task } from '../task/task.ts'
import {
  stepOf,
  type GraphHole,
  type GraphNode,
  type GraphPart,
  type Settled,
  type Step,
  type StepOptions,
} from '../task/step.ts'
import { flowOf } from './compose.ts'
import { signalOf, type DefinedSignal } from './signal.ts'

/** Stands for a value that will be there when the step that uses it starts. Its fields and items are references too. */
export type Ref<T> = { readonly '~value': T } & Parts<T>

/** Of a list its items and its length: what works on a whole list has to wait until there is one. */
type Parts<T> = T extends readonly unknown[]
  ? { readonly [K in keyof T as K extends number | `${number}` | 'length' ? K : never]-?: Ref<T[K]> }
  : T extends object
    ? { readonly [K in keyof T]-?: Ref<T[K]> }
    : unknown

/** An input with references anywhere in it. */
export type Wired<I> =
  | I
  | Ref<I>
  | (I extends readonly (infer E)[] ? readonly Wired<E>[] : I extends object ? { [K in keyof I]: Wired<I[K]> } : never)

/** A step of a workflow that is being defined. */
export interface WorkflowNode<R> {
  /** Refers to its result: it, or a field of it, may stand in the input of a later step. */
  readonly result: Ref<R>
  /** How it ended. What refers to this runs also if it failed. */
  readonly end: Ref<Settled<R>>
}

/** When a step may start, besides what its input says. */
export interface AfterOptions {
  /** Starts after these, besides those that its input refers to. */
  after?: readonly WorkflowNode<any>[]
  /** `settled`: starts whatever becomes of those before it. @default 'succeeded' */
  when?: 'succeeded' | 'settled'
}

const afterOptions = ['after', 'when']

/** How a signal is waited for. */
export interface WaitOptions extends AfterOptions {
  /** From the enqueueing of the workflow. Then the step is `expired`. @default none */
  timeout?: Duration
}

type StepArgs<I> = [void] extends [I]
  ? [input?: I, options?: StepOptions & AfterOptions]
  : [input: Wired<I>, options?: StepOptions & AfterOptions]

/** What the function that defines a workflow is given: `w` in `workflow(name, (w, input) => …)`. */
export interface WorkflowBuilder {
  /** A task with its input. It starts after all steps that the input refers to. */
  step<I, R>(task: Task<I, R>, ...args: StepArgs<NoInfer<I>>): WorkflowNode<R>
  /** A chain, a group, another workflow. */
  run<R>(flow: Step<void, R>, options?: AfterOptions): WorkflowNode<R>
  /** Time that passes, counted from when its turn comes. No slot is held. */
  sleep(duration: Duration, options?: AfterOptions): WorkflowNode<null>
  /**
   * A value from outside: `errand.workflow(id).signal(signal, value)` sends it, also before it is waited for. `defineSignal` says
   * what it is; of a plain name nothing is known.
   */
  waitFor<R>(signal: DefinedSignal<never, R>, options?: WaitOptions): WorkflowNode<R>
  waitFor(signal: string, options?: WaitOptions): WorkflowNode<unknown>
}

/** A workflow that was defined: a step like any other. */
export interface DefinedWorkflow<I, R> extends Step<I, R> {
  readonly name: string
  with(input: I): Step<void, R>
}

interface Reference {
  readonly of: object
  readonly from: number | 'input'
  readonly outcome?: true
  readonly path: readonly string[]
}

const references = new WeakMap<object, Reference>()
const places = new WeakMap<object, { readonly of: object; readonly place: number }>()

/** Defines a workflow. `build` gives the step whose result is the workflow's. */
export function workflow<R, I = void>(
  name: string,
  build: (w: WorkflowBuilder, input: Ref<I>) => WorkflowNode<R>,
): DefinedWorkflow<I, R> {
  checkName(name, 'the name of a workflow', 'page.publish')
  const parts: GraphPart[] = []
  const builder = builderInto(parts)
  const last = placeOf(
    builder,
    build(builder, refTo({ of: builder, from: 'input', path: [] }) as Ref<I>),
    `what "${name}" returns`,
  )
  Object.freeze(parts)
  const graph: GraphNode = { kind: 'graph', name, parts, last }

  return { ...stepOf<I, R>(graph), name, with: (input) => stepOf({ ...graph, given: { input: copied(input) } }) }
}

function builderInto(parts: GraphPart[]): WorkflowBuilder {
  const add = (step: GraphPart['step'], holes: readonly GraphHole[], { after = [], when }: AfterOptions): any => {
    if (Object.isFrozen(parts)) {
      const late = new Described('one that came when it was defined already')
      throw new InvalidOptionError(
        'a step of a workflow',
        late,
        'added by the function that defines it, before that returns',
      )
    }
    if (when !== undefined) checkOneOf(when, ['succeeded', 'settled'], '`when` of a step')
    const before = after.map((node) => placeOf(builder, node, '`after` of a step'))
    const place = parts.push({ step, holes, after: before, settled: when === 'settled' }) - 1
    const node = {
      result: refTo({ of: builder, from: place, path: [] }),
      end: refTo({ of: builder, from: place, outcome: true, path: [] }),
    }
    places.set(node, { of: builder, place })

    return node
  }

  const builder: WorkflowBuilder = {
    step(task: AnyTask, input?: unknown, { after, when, ...options }: StepOptions & AfterOptions = {}) {
      const holes: GraphHole[] = []
      const known = withoutReferences(builder, input, holes)

      return add(flowOf(task.with(known, options), 'a step of a workflow'), holes, afterOf(after, when))
    },
    run(step, options = {}) {
      checkOptions(options, afterOptions, 'the options of `w.run`')

      return add(flowOf(step, 'a step of a workflow'), [], options)
    },
    sleep(duration, options = {}) {
      checkOptions(options, afterOptions, 'the options of `w.sleep`')

      return add({ kind: 'pause', ms: durationMs(duration, 'the duration of a sleep') }, [], options)
    },
    waitFor(signal: DefinedSignal<never, unknown> | string, options: WaitOptions = {}) {
      const name = checkName(signalOf(signal).name, 'the name of a signal', 'approved')
      checkOptions(options, [...afterOptions, 'timeout'], 'the options of `w.waitFor`')
      const { timeout, ...order } = options
      const limit = timeout === undefined ? {} : { timeoutMs: durationMs(timeout, '`timeout` of a signal') }

      return add({ kind: 'signal', name, ...limit }, [], order)
    },
  }
  return builder
}

const afterOf = (after: AfterOptions['after'], when: AfterOptions['when']): AfterOptions => ({
  ...(after && { after }),
  ...(when && { when }),
})

function placeOf(builder: WorkflowBuilder, node: WorkflowNode<any>, where: string): number {
  const known = typeof node === 'object' && node !== null ? places.get(node) : undefined
  if (known?.of === builder) return known.place

  throw new InvalidOptionError(where, node, 'a step that this workflow has made')
}

/** A reference: reading a field of it gives a reference to that field. Whoever wants its value is told that it has none yet. */
function refTo(reference: Reference): object {
  const refuse = (): never => {
    throw new InvalidOptionError(
      'a value in a workflow',
      new Described(`a reference${reference.path.length > 0 ? ` to ${reference.path.join('.')}` : ''}`),
      'used whole, as the input of a step or a field of it: what it stands for is not there yet',
    )
  }
  const ref: object = new Proxy(
    {},
    {
      get(_, key) {
        if (typeof key === 'string') return refTo({ ...reference, path: [...reference.path, key] })

        return key === Symbol.toPrimitive || key === Symbol.iterator ? refuse() : undefined
      },
      has: refuse,
      ownKeys: refuse,
    },
  )
  references.set(ref, reference)

  return ref
}

/** A copy of an input with null where references were, and those as holes. */
function withoutReferences(builder: WorkflowBuilder, input: unknown, holes: GraphHole[]): unknown {
  return copied(input, (value, at) => {
    const reference = references.get(value)
    if (!reference) return undefined
    const { of, ...hole } = reference
    if (of !== builder)
      throw new InvalidOptionError(
        'a reference in the input of a step',
        new Described('one to a step of another workflow'),
        'to a step of the same workflow',
      )
    holes.push({ at, ...hole })

    return { by: null }
  })
}
