/** What can be enqueued whole: a task, one with its input given, or a flow of them. Plain values, so that it can be stored. */
import type { EnqueueOptions } from '../client/enqueue-options.ts'
import type { FinalState, JobError } from '../job.ts'

/**
 * `Missing` is what the step before, or whoever enqueues it, must still supply; `Result` is what it gives. A step is
 * never changed: what takes steps makes another of them.
 */
export interface Step<Missing, Result> {
  readonly '~flow': FlowNode
  /** For the types only. */
  readonly '~missing'?: (missing: Missing) => void
  /** For the types only. */
  readonly '~result'?: () => Result
}

/** Whatever can be part of a flow. */
export type AnyStep = Step<never, unknown>

/** Options of one step within a flow. What concerns the flow as a whole is given when it is enqueued. */
export type StepOptions = Omit<EnqueueOptions, 'id' | 'tx' | 'unique' | 'after' | 'when'>

/** How a step ended, for those that run whatever became of it. */
export type Settled<Result> =
  | { readonly state: 'succeeded'; readonly result: Result }
  | { readonly state: Exclude<FinalState, 'succeeded'>; readonly error: JobError }

export type FlowNode = TaskNode | ChainNode | GroupNode | SettledNode | GraphNode

export interface TaskNode {
  readonly kind: 'task'
  readonly task: string
  /** What of the input is given: all, so that the step before is only waited for; some fields; or nothing. */
  readonly given: 'all' | 'part' | 'none'
  readonly input?: unknown
  readonly options?: EnqueueOptions | undefined
}

interface ChainNode {
  readonly kind: 'chain'
  readonly steps: readonly FlowNode[]
}

export interface GroupNode {
  readonly kind: 'group'
  readonly steps: readonly FlowNode[]
}

/** Gives how the step ended, and so never fails. */
interface SettledNode {
  readonly kind: 'settled'
  readonly step: FlowNode
}

export interface GraphNode {
  readonly kind: 'graph'
  readonly name: string
  readonly parts: readonly GraphPart[]
  /** The part whose result is the graph's. */
  readonly last: number
  /** Its own input, where it does not come from the step before. */
  readonly given?: { readonly input: unknown }
}

/** One step of a graph. It comes after the parts it refers to, which stand before it. */
export interface GraphPart {
  readonly step: FlowNode | PauseNode | SignalNode
  /** Holes in the step's input, and what fills each. */
  readonly holes: readonly GraphHole[]
  readonly after: readonly number[]
  /** Runs whatever becomes of those before it. */
  readonly settled: boolean
}

export interface GraphHole {
  readonly at: readonly string[]
  /** A part's number, or the graph's own input. */
  readonly from: number | 'input'
  /** How it ended, instead of its result. */
  readonly outcome?: true
  readonly path: readonly string[]
}

export interface PauseNode {
  readonly kind: 'pause'
  readonly ms: number
}

export interface SignalNode {
  readonly kind: 'signal'
  readonly name: string
  readonly timeoutMs?: number
}

export const stepOf = <Missing, Result>(flow: FlowNode): Step<Missing, Result> => ({ '~flow': flow })
