/**
 * What the end of a run says to the limits of its job: one of an ordered task that is tried again, or waits, holds its line, and
 * `RetryAfter` closes the rate.
 */
import { durationMs } from '../duration.ts'
import { RetryAfter } from '../errors.ts'
import type { ClaimedJob, Settlement } from '../store/store.ts'
import type { OutcomeEnd } from './execute.ts'
import { claimOfStart, startName } from './own-names.ts'
import type { Run } from './run.ts'

type Limiting = Pick<Settlement, 'keepsSlot' | 'closesRateMs'>

/** `now`: the time it is, by the clock on the wall. */
export function limiting(run: Run, { outcome, thrown }: OutcomeEnd, ranMs: number, now: number): Limiting {
  const delayMs = ('delayMs' in outcome && outcome.delayMs) || 0
  const waits = outcome.kind === 'retry' || outcome.kind === 'wait'
  const keepsSlot = waits && run.definition.limits?.order && holdsLine(run, delayMs, ranMs, now)
  if (outcome.kind === 'retry') rememberStart(run, now - ranMs)
  const closesRateMs = thrown instanceof RetryAfter && outcome.kind !== 'cancelled' ? closedMs(thrown, delayMs) : 0

  return { ...(keepsSlot && { keepsSlot: true }), ...(closesRateMs > 0 && { closesRateMs }) }
}

/**
 * The name of the line that a job of an ordered task holds while it waits for a flow, for no longer than `waitMs`. Where the
 * next one goes meanwhile, it holds none. `now`: the time it is, by the clock on the wall.
 */
export function lineHeld(run: Run, waitMs: number | undefined, ranMs: number, now: number): string | undefined {
  const { order, lane } = run.definition.limits ?? {}
  if (!order || !lane || !holdsLine(run, waitMs ?? 0, ranMs, now)) return undefined

  return typeof lane === 'function' ? lane(run.input).name : lane.name
}

/** One that would be tried again only after its time lets the next one go at once. */
function holdsLine(run: Run, delayMs: number, ranMs: number, now: number): boolean {
  const { skipAfterMs } = run.definition.limits!.order!
  if (skipAfterMs === undefined) return true

  return now + delayMs - (startBefore(run) ?? now - ranMs) <= skipAfterMs
}

function rememberStart(run: Run, startedAt: number): void {
  if (run.definition.limits?.order?.skipAfterMs === undefined || startBefore(run) !== undefined) return
  run.remember(startName(run.claimed.claim), String(startedAt))
}

/** An attempt 1 begins anew, also where somebody has retried the job by hand. */
const startBefore = ({ attempt, claimed }: Run) => (attempt === 1 ? undefined : latestStart(claimed.steps))

function latestStart(steps: ClaimedJob['steps'] = {}): number | undefined {
  const claims = Object.keys(steps).flatMap((name) => claimOfStart(name) ?? [])

  return claims.length === 0 ? undefined : Number(steps[startName(Math.max(...claims))])
}

/** Also where it is not tried again; a delay that says nothing closes nothing. */
function closedMs({ delay }: RetryAfter, retryMs: number): number {
  if (retryMs > 0) return retryMs
  try {
    return durationMs(delay, 'the delay of `RetryAfter`')
  } catch {
    return 0
  }
}
