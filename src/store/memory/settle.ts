/** Recording how runs ended, and taking back jobs that have not ended. */
import type { Outcome } from '../../outcome.ts'
import type { Claim, GivenBack, Settlement } from '../store.ts'
import { setState, tally, type Data, type Incarnation } from './data.ts'
import { waitMore } from './dependencies.ts'
import { end } from './ending.ts'
import type { Entry } from './entry.ts'
import { dropExpiry, finish, letGo, watchExpiry } from './finish.ts'
import { freeSlot, handInSlot, lineUp, lineUpAgain, schedule } from './lines.ts'
import { closeRate, forgetStart } from './rates.ts'

/** The job of this claim, if the incarnation still holds it under exactly this claim. */
export function fenced(life: Incarnation, { id, claim }: Claim): Entry | undefined {
  const entry = life.held.get(id)
  return entry?.claim === claim ? entry : undefined
}

/** False if the claim is stale; nothing is written then. */
export function settle(data: Data, life: Incarnation, settlement: Settlement): boolean {
  const { claim, outcome, ranMs } = settlement
  const entry = fenced(life, claim)
  if (!entry) return false

  const recorded = recordedOutcome(entry, outcome)
  tally(data, entry.job.task, recorded.kind, ranMs)
  if (settlement.closesRateMs !== undefined) closeRate(data, entry, settlement.closesRateMs)
  letGo(data, entry)
  dropExpiry(data, entry)
  apply(data, entry, recorded, settlement)
  return true
}

/** False if the claim is stale. */
export function giveBack(data: Data, life: Incarnation, back: GivenBack): boolean {
  const entry = fenced(life, back.claim)
  if (!entry) return false

  takeBack(data, entry, back)
  return true
}

/** As if it had not been claimed, except that its claim is used up, and its start, if it has started. */
export function takeBack(data: Data, entry: Entry, { delayMs = 0, started }: Omit<GivenBack, 'claim'>): void {
  letGo(data, entry)
  if (started) dropExpiry(data, entry)
  else forgetClaim(data, entry)
  if (entry.cancelRequestedAt !== undefined) return finish(data, entry, { state: 'cancelled' })

  // In a lane that keeps its order nobody goes past it.
  if (delayMs > 0) putOff(data, entry, delayMs, keepsItsOrder(entry))
  else lineUpAgain(data, entry)
  data.news.tell('given back', entry)
}

function forgetClaim(data: Data, entry: Entry) {
  forgetStart(data, entry)
  watchExpiry(data, entry)
  entry.startedAt = undefined
}

const keepsItsOrder = ({ job: { lane } }: Entry) => lane?.ordered === true && !lane.gather

/** Once a cancel was asked for, a job can only end cancelled, whatever its handler did. */
function recordedOutcome({ cancelRequestedAt }: Entry, outcome: Outcome): Outcome {
  if (cancelRequestedAt === undefined || outcome.kind === 'cancelled') return outcome
  return 'error' in outcome ? { kind: 'cancelled', error: outcome.error } : { kind: 'cancelled' }
}

function apply(data: Data, entry: Entry, outcome: Outcome, settlement: Settlement) {
  const keepsSlot = settlement.keepsSlot === true
  if (outcome.kind === 'wait') return waitFor(data, entry, outcome, keepsSlot)

  entry.attempts++
  if (outcome.kind === 'retry' || outcome.kind === 'failed') {
    entry.history.push({ attempt: entry.attempts, at: data.env.now(), error: outcome.error })
  }
  if (outcome.kind === 'retry') return again(data, entry, outcome, keepsSlot)
  if (outcome.kind === 'succeeded')
    return end(data, entry, { state: 'succeeded', result: outcome.result }, settlement.followUps)
  return end(data, entry, { state: outcome.kind, error: outcome.error })
}

function again(data: Data, entry: Entry, { error, delayMs }: Outcome & { kind: 'retry' }, keepsSlot: boolean) {
  entry.error = error
  entry.goesOn = false
  if (delayMs > 0) putOff(data, entry, delayMs, keepsSlot)
  else lineUpAfresh(data, entry, keepsSlot)
  data.news.tell('retrying', entry, { error })
}

function waitFor(data: Data, entry: Entry, { on, delayMs = 0 }: Outcome & { kind: 'wait' }, keepsSlot: boolean) {
  waitMore(data, entry, on)
  entry.dueAt = undefined
  entry.goesOn = true
  // Behind whoever is there when it falls asleep, so that jobs that sleep again and again let others run.
  if (on.length === 0) entry.place = ++data.places
  if (delayMs > 0 && (entry.pending > 0 || on.length === 0)) putOff(data, entry, delayMs, keepsSlot)
  else if (entry.pending > 0) block(data, entry, keepsSlot)
  else lineUpAfresh(data, entry, keepsSlot)
  data.news.tell(entry.state === 'ready' ? 'ready' : 'blocked', entry)
}

function block(data: Data, entry: Entry, keepsSlot: boolean) {
  setState(data, entry, 'blocked')
  if (!keepsSlot) freeSlot(data, entry)
}

function putOff(data: Data, entry: Entry, delayMs: number, keepsSlot: boolean) {
  schedule(data, entry, data.env.now() + delayMs)
  if (!keepsSlot) freeSlot(data, entry)
}

/** Through its lane anew unless it keeps its slot. */
function lineUpAfresh(data: Data, entry: Entry, keepsSlot: boolean) {
  if (!keepsSlot) handInSlot(data, entry)
  lineUp(data, entry)
}
