/**
 * What of a workflow has to run again so that it goes on: steps that failed, came too late, or were cancelled by hand. What was
 * cancelled because of one of them waits again by itself. Plain decisions, no store.
 */
import { isFinal } from '../job.ts'
import { numbersOf, stepId } from './note.ts'
import type { Noted } from './overview.ts'

/** A flow: the whole, or one that a handler of it has started. */
export interface Part {
  readonly last: Noted
  /** Each after those it waits for. */
  readonly steps: readonly Noted[]
  /** What all of it may stand behind, while it goes in. */
  readonly before: readonly Noted[]
}

export interface Retries {
  /** In the order in which they are to be retried: who waits for others after those, and who started a flow after that. */
  readonly ids: readonly string[]
  /** What has to be opened then: of those, and what an earlier retry has left held. */
  readonly gates: readonly string[]
}

/** `parts`: who started one stands before it. 'not final': a step was told to end and has not yet. */
export function retriesOf(parts: readonly Part[], gateIdOf: (flow: string) => string): Retries | 'not final' {
  const needed = neededOf(parts)
  if (needed.some(({ steps }) => steps.some(isEnding))) return 'not final'
  const before = needed.flatMap((part) => part.before)
  const gateIds = new Set(needed.map(({ last }) => gateIdOf(last.record.id)))
  const gates = before.filter((each) => gateIds.has(each.record.id) && (isCancelled(each) || isHeld(each)))

  return {
    ids: [...before.filter(isCancelled), ...needed.toReversed().flatMap(causesIn)].map(idOf),
    gates: gates.map(idOf),
  }
}

const isEnding = ({ record: { state, cancelRequestedAt } }: Noted) =>
  state === 'running' && cancelRequestedAt !== undefined
const isCancelled = ({ record: { state } }: Noted) => state === 'cancelled'
/** Of a gate: where the last step of its flow is there, all of them are. */
const isHeld = ({ record: { state } }: Noted) => state === 'blocked'
const idOf = ({ record }: Noted) => record.id
const isByHand = ({ record: { state, because } }: Noted) => state === 'cancelled' && because === undefined

/** Of a flow that its handler has done with, and all that this has started, nothing is needed. */
function neededOf(parts: readonly Part[]): Part[] {
  const [whole] = parts
  if (!whole || whole.last.record.state === 'succeeded') return []
  const known = new Set(parts.flatMap(({ steps }) => steps.map(({ record }) => record.id)))
  const starters = new Map<string, Noted>()

  return parts.filter((part) => {
    const by = part.last.note?.by
    const starter = by === undefined ? undefined : starters.get(by)
    const isNeeded = part === whole || (starter ? isMissed(part, starter) : by === undefined || !known.has(by))
    if (isNeeded) for (const step of part.steps) starters.set(step.record.id, step)

    return isNeeded
  })
}

/** What was cancelled at its timeout, or by somebody, is, where the job that has started it failed by that, or was cancelled first. */
function isMissed({ last }: Part, { record: starter }: Noted): boolean {
  if (starter.state === 'succeeded') return false
  if (!isByHand(last)) return true
  if (starter.state === 'failed') return ['FLOW_TIMEOUT', 'JOB_CANCELLED'].includes(starter.error?.code ?? '')

  const endedAt = starter.cancelRequestedAt ?? starter.finishedAt
  return isFinal(starter.state) && (last.record.finishedAt ?? 0) >= (endedAt ?? 0)
}

/** A failure that somebody could do with, a settled step's, is none. */
function causesIn({ last, steps }: Part): Noted[] {
  const blamed = new Set(steps.filter(isCancelled).flatMap(neededBy))
  const used = new Set(steps.filter(({ record }) => record.state === 'succeeded').flatMap(neededBy))
  const isWholly = isByHand(last)

  return steps.filter((step) => {
    const { id, state } = step.record
    if (id === last.record.id || blamed.has(id)) return state === 'failed' || state === 'expired' || isByHand(step)

    return isWholly && isByHand(step) && !used.has(id)
  })
}

function neededBy({ record: { because }, note }: Noted): string[] {
  const after = note ? numbersOf(note.after).map((step) => stepId(note.id, step, note.last)) : []

  return because === undefined ? after : [because, ...after]
}
