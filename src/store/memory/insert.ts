/**
 * Inserting: each call is planned first and carried out only if nothing in it is refused,
 * so a refused call leaves no trace.
 */
import type { Claim, InsertOutcome, NewJob } from '../store.ts'
import { momentOf, queueOf, type Data } from './data.ts'
import { memberOf, spread, waitFor } from './dependencies.ts'
import { Entry } from './entry.ts'
import { finish, watchExpiry } from './finish.ts'
import { keyName, liveKey, takeKey } from './keys.ts'
import { countJob, setLane, setRate } from './limits.ts'
import { lineUp, schedule } from './lines.ts'
import { firstMoment, wakeIfSooner } from './soon.ts'
import { addInOrder } from './order.ts'

/** What earlier jobs of the call will have added when a later one is looked at. */
interface Plan {
  readonly jobs: Map<string, { job: NewJob; cancelled: boolean }>
  /** Ids of jobs that were there before, or came earlier in the call. */
  readonly replaced: Set<string>
  /** Undefined where a key will be free again. */
  readonly keys: Map<string, Holder | undefined>
}

interface Holder {
  readonly id: string
  readonly replaceable: boolean
}

export function insertCall(data: Data, jobs: readonly NewJob[]): InsertOutcome[] {
  const plan: Plan = { jobs: new Map(), replaced: new Set(), keys: new Map() }
  const outcomes: InsertOutcome[] = []

  for (const job of jobs) {
    const outcome = planJob(data, plan, job)
    if (outcome.kind === 'refused') return refuseAll(jobs, outcomes.length, outcome)
    outcomes.push(outcome)
  }

  jobs.forEach((job, index) => carryOut(data, job, outcomes[index]!))
  spread(data)
  return outcomes
}

function refuseAll(jobs: readonly NewJob[], culprit: number, refusal: InsertOutcome): InsertOutcome[] {
  return jobs.map((_, index) => (index === culprit ? refusal : { kind: 'refused', reason: 'companion' }))
}

function planJob(data: Data, plan: Plan, job: NewJob): InsertOutcome {
  if (job.startedBy && !mayStart(data, job.startedBy))
    return { kind: 'refused', reason: 'stale', other: job.startedBy.id }
  if (data.moving.departed.has(job.id)) return { kind: 'exists' }
  const there = plan.jobs.get(job.id)?.job ?? storedAs(data, job.id)
  if (there) {
    const same = there.task === job.task && there.input === job.input
    return same ? { kind: 'exists' } : { kind: 'refused', reason: 'conflict', other: job.id }
  }

  const unknown = job.after?.on.find((id) => !plan.jobs.has(id) && !memberOf(data, id))
  if (unknown !== undefined) return { kind: 'refused', reason: 'unknown', other: unknown }

  const outcome = planKey(data, plan, job)
  if (outcome.kind === 'replaced') plan.replaced.add(outcome.other)
  if (outcome.kind === 'inserted' || outcome.kind === 'replaced') expect(data, plan, job)
  return outcome
}

function mayStart(data: Data, { id, claim }: Claim): boolean {
  const starter = data.jobs.get(id)
  return starter?.state === 'running' && starter.claim === claim && starter.cancelRequestedAt === undefined
}

function planKey(data: Data, plan: Plan, job: NewJob): InsertOutcome {
  const name = keyName(job)
  const holder = name === undefined ? undefined : plan.keys.has(name) ? plan.keys.get(name) : holderOf(data, name)
  if (!holder) return { kind: 'inserted' }
  if (job.unique!.onConflict === 'refuse') return { kind: 'refused', reason: 'taken', other: holder.id }

  const replaced = job.unique!.onConflict === 'replace' && holder.replaceable
  return { kind: replaced ? 'replaced' : 'kept', other: holder.id }
}

function expect(data: Data, plan: Plan, job: NewJob) {
  const cancelled = job.after?.otherwise === 'cancel' && job.after.on.some((id) => endsWaiters(data, plan, id))
  plan.jobs.set(job.id, { job, cancelled })

  const name = keyName(job)
  const holdsOn = typeof job.unique?.scope === 'object'
  if (name === undefined) return
  plan.keys.set(name, cancelled && !holdsOn ? undefined : { id: job.id, replaceable: !cancelled })
}

function endsWaiters(data: Data, plan: Plan, id: string): boolean {
  if (plan.replaced.has(id)) return true
  const planned = plan.jobs.get(id)
  if (planned) return planned.cancelled
  const member = data.jobs.get(id)
  return member !== undefined && member.final && member.state !== 'succeeded'
}

function storedAs(data: Data, id: string): { task: string; input: string } | undefined {
  const entry = data.jobs.get(id)
  return entry && { task: entry.job.task, input: entry.input }
}

function holderOf(data: Data, name: string): Holder | undefined {
  const row = liveKey(data, name)
  const entry = row && data.jobs.get(row.id)
  return row && { id: row.id, replaceable: entry !== undefined && entry.waiting && !entry.leaving }
}

function carryOut(data: Data, job: NewJob, outcome: InsertOutcome) {
  if (outcome.kind !== 'inserted' && outcome.kind !== 'replaced') return

  const replaced = outcome.kind === 'replaced' && data.jobs.get(outcome.other)
  if (replaced) {
    finish(data, replaced, { state: 'cancelled', because: job.id })
    freeKeyOf(data, job)
  }
  add(data, job)
}

/** A key that holds for a time stays with its job when that ends; the one that replaces it takes it over. */
function freeKeyOf(data: Data, job: NewJob) {
  data.keys.delete(keyName(job)!)
}

function add(data: Data, job: NewJob) {
  const entry = new Entry(copyOf(job), ++data.sequence, data.env.now())
  const known = firstMoment(data)
  data.jobs.set(job.id, entry)
  addInOrder(data, entry)
  data.pruned.delete(job.id)
  queueOf(data, job.queue).states.blocked++
  takeKey(data, job)
  setLimits(data, job)
  countJob(data, entry, 1)
  setTimes(data, entry)
  place(data, entry)
  wakeIfSooner(data, entry, known)
}

/** The caller may go on using its object. */
function copyOf(job: NewJob): NewJob {
  return { ...job, ...(job.tags && { tags: [...job.tags] }), ...(job.redact && { redact: [...job.redact] }) }
}

function setLimits(data: Data, job: NewJob) {
  const { lane, rate } = job
  if (lane) setLane(data, job)
  if (rate) setRate(data, rate)
}

function setTimes(data: Data, entry: Entry) {
  const { due, expires } = entry.job
  if (due) entry.dueAt = momentOf(data, due)
  if (expires) entry.expiresAt = momentOf(data, expires)
  watchExpiry(data, entry)
}

/** Where a new job goes first: it waits for others, for its time, or stands ready. */
function place(data: Data, entry: Entry) {
  const cancelledBy = entry.job.after && waitFor(data, entry, entry.job.after)
  const blocked = entry.pending > 0 || entry.held || cancelledBy !== undefined

  if (!blocked && entry.dueAt !== undefined && entry.dueAt > data.env.now()) schedule(data, entry, entry.dueAt)
  else if (!blocked) lineUp(data, entry)

  data.news.tell('enqueued', entry)
  if (cancelledBy !== undefined) finish(data, entry, { state: 'cancelled', because: cancelledBy })
}
