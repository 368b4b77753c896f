/**
 * The one way in which a job becomes final, and what hangs on it: its slot, its key, its
 * waiters, its retention. What must be enqueued when a job ends is in ending.ts.
 */
import type { FinalState, JobError } from '../../job.ts'
import { setState, type Data } from './data.ts'
import { markWaiters } from './dependencies.ts'
import type { Entry } from './entry.ts'
import { freeKeyAtEnd } from './keys.ts'
import { freeSlot, withdraw } from './lines.ts'

export interface Ending {
  readonly state: FinalState
  readonly result?: string | null
  readonly error?: JobError | undefined
  /** The job whose end or arrival cancelled this one. */
  readonly because?: string
}

export function finish(data: Data, entry: Entry, ending: Ending): void {
  letGo(data, entry)
  withdraw(data, entry)
  dropExpiry(data, entry)
  record(data, entry, ending)

  freeKeyAtEnd(data, entry)
  freeSlot(data, entry)
  markWaiters(data, entry, ending.state === 'succeeded')
  keep(data, entry)
  unpinMembers(data, entry)

  data.news.tell(ending.state, entry, ending.error && { error: ending.error })
  data.news.final(entry.id)
}

/** Takes a job from the incarnation that runs it. */
export function letGo(data: Data, entry: Entry): void {
  if (entry.incarnation) data.incarnations.get(entry.incarnation)?.held.delete(entry.id)
  entry.incarnation = undefined
}

export function watchExpiry(data: Data, entry: Entry): void {
  if (entry.expiresAt !== undefined) entry.expiry = data.expiries.add(entry, entry.expiresAt, entry.seq)
}

export function suspendExpiry(data: Data, entry: Entry): void {
  if (entry.expiry) data.expiries.remove(entry.expiry)
  entry.expiry = undefined
}

/** A job that has really started can no longer expire. */
export function dropExpiry(data: Data, entry: Entry): void {
  suspendExpiry(data, entry)
  entry.expiresAt = undefined
}

export function dropRetention(data: Data, entry: Entry): void {
  if (entry.retention) data.retention.remove(entry.retention)
  entry.retention = undefined
  entry.pinned = false
}

/** Makes a final job as if it had never ended. */
export function reopen(data: Data, entry: Entry): void {
  dropRetention(data, entry)
  entry.cancelRequestedAt = undefined
  entry.finishedAt = undefined
  entry.result = undefined
  entry.error = undefined
  entry.because = undefined
}

function record(data: Data, entry: Entry, { state, result, error, because }: Ending) {
  setState(data, entry, state)
  entry.finishedAt = data.env.now()
  entry.result = result
  entry.error = error
  entry.because = because
  if (state === 'succeeded') entry.steps = undefined
}

/** Lists a final job for the end of its retention. */
export function keep(data: Data, entry: Entry): void {
  const { keepSucceededMs, keepFailedMs } = entry.job
  const ms = entry.state === 'succeeded' ? keepSucceededMs : keepFailedMs
  entry.keptUntil = entry.finishedAt! + Math.ceil(ms / 60_000) * 60_000
  entry.retention = data.retention.add(entry, entry.keptUntil, ++data.endings)
}

/** Members that stayed only for this job are looked at again. */
function unpinMembers(data: Data, entry: Entry) {
  for (const { member } of entry.waitsFor) {
    if (!member.pinned) continue
    member.pinned = false
    const from = Math.max(member.keptUntil, data.env.now())
    member.retention = data.retention.add(member, from, ++data.endings)
  }
}
