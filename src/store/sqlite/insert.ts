/**
 * Adding jobs, call by call.
 *
 * A call of plain jobs is written straight away, and looked at again only if one of its ids was
 * there before. Everything else is decided first and written then, so a refused call leaves no trace.
 */
import { isUuid } from '../../id.ts'
import type { InsertOutcome, NewJob } from '../store.ts'
import { end } from './ending.ts'
import { insertPlainly, isPlain } from './insert-plainly.ts'
import { flag, flagsOf, idValue, moment, optionsText, stateCode, type JobRow } from './job-row.ts'
import { laneFor, rateFor } from './limits.ts'
import { enterLine } from './line.ts'
import { Plan } from './plan.ts'
import { firstMoment, wakeIfSooner } from './soon.ts'
import type { Step } from './step.ts'
import { spread, spreadPerStep } from './telling.ts'
import { cancellingMember, waitFor } from './waiting.ts'
import { leavePlace, whereIs } from './where.ts'

const inserted: InsertOutcome = { kind: 'inserted' }

/** Neighbours that are plain are added together. */
export function insertCalls(step: Step, calls: readonly (readonly NewJob[])[]): InsertOutcome[][] {
  const outcomes: InsertOutcome[][] = []
  for (let at = 0; at < calls.length;) {
    const plain = plainFrom(calls, at)
    if (plain > 1 && insertPlainly(step, calls.slice(at, at + plain).flat())) {
      for (const call of calls.slice(at, at + plain)) outcomes.push(call.map(() => inserted))
    } else for (const call of calls.slice(at, at + Math.max(1, plain))) outcomes.push(insertCall(step, call))
    at += Math.max(1, plain)
  }
  return outcomes
}

function plainFrom(calls: readonly (readonly NewJob[])[], from: number): number {
  let to = from
  while (to < calls.length && calls[to]!.every(isPlain)) to++
  return to - from
}

export function insertCall(step: Step, call: readonly NewJob[]): InsertOutcome[] {
  if (call.length === 0) return []

  return call.every(isPlain) && insertPlainly(step, call) ? call.map(() => inserted) : insertCarefully(step, call)
}

/** A follow-up has its own id and may at worst be kept out by another; what it follows ends all the same. */
export function insertFollowUp(step: Step, job: NewJob): void {
  insertCarefully(step, [job])
}

function insertCarefully(step: Step, call: readonly NewJob[]): InsertOutcome[] {
  const plan = new Plan(step)
  const outcomes: InsertOutcome[] = []

  for (const job of call) {
    const outcome = plan.add(job)
    if (outcome.kind === 'refused') return refusal(call, outcomes.length, outcome)
    outcomes.push(outcome)
  }
  for (const [index, job] of call.entries()) carryOut(step, job, outcomes[index]!)
  spread(step, spreadPerStep)
  return outcomes
}

function refusal(call: readonly NewJob[], culprit: number, why: InsertOutcome): InsertOutcome[] {
  return call.map((_, index) => (index === culprit ? why : { kind: 'refused', reason: 'companion' }))
}

function carryOut(step: Step, job: NewJob, outcome: InsertOutcome): void {
  if (outcome.kind === 'replaced') replace(step, job, outcome.other)
  if (outcome.kind === 'inserted' || outcome.kind === 'replaced') add(step, job)
}

function replace(step: Step, job: NewJob, other: string): void {
  step.flushReady()
  const row = step.sql.jobById.get(idValue(other)) as JobRow
  const where = whereIs(step, row)
  leavePlace(step, row, where)
  end(step, row, where.state, { state: 'cancelled', because: idValue(job.id), due: 'due' in where ? where.due : null })
}

function add(step: Step, job: NewJob): void {
  if (isPlain(job)) return void insertPlainly(step, [job])

  const { sql, now } = step
  const row = rowOf(step, job, step.nextSeq())
  const { seq, task, queue, rank, created, keep, expires, lane, rate, flags, unique_key: key, input } = row
  const { metadata, options } = row
  const known = job.due || job.expires ? firstMoment(step) : -Infinity
  step.countLimits(row, 1, 1)
  const insert = isUuid(job.id) ? sql.insertUuidJob : sql.insertJob
  insert.run(seq, job.id, task, queue, rank, created, keep, expires, lane, rate, flags, key, metadata, options, input)

  for (const tag of job.tags ?? []) sql.addTag.run(tag, seq)
  if (expires !== null) sql.addDeadline.run(expires, seq)
  if (job.unique) {
    const { scope } = job.unique
    sql.takeKey.run(task, job.unique.key, seq, idValue(job.id), typeof scope === 'object' ? now + scope.forMs : null)
  }
  arrive(step, row, job)
  if (job.due || job.expires) wakeIfSooner(step, queue, known)
}

function rowOf(step: Step, job: NewJob, seq: number): JobRow {
  const { names, now } = step

  return {
    seq,
    // Only to be told: nothing is looked up by it.
    id: job.id,
    task: names.task(job.task),
    queue: names.queue(job.queue),
    rank: job.rank,
    created: now,
    keep: names.keep(job.keepSucceededMs, job.keepFailedMs),
    expires: job.expires ? moment(job.expires, now) : null,
    lane: job.lane ? laneFor(step, job.lane, names.queue(job.queue)) : null,
    rate: job.rate ? rateFor(step, job.rate) : null,
    flags: flagsOf(job),
    unique_key: job.unique?.key ?? null,
    metadata: job.metadata ?? null,
    options: optionsText(job),
    input: job.input,
    noted: 0,
    place: seq,
    failures: 0,
    goes_on: 0,
    crashes: 0,
    started: null,
    error: null,
  }
}

/** Where a new job goes first: it waits for others, for its time, or stands ready. */
function arrive(step: Step, row: JobRow, job: NewJob): void {
  const due = job.due ? moment(job.due, step.now) : null
  const held = (row.flags & flag.held) !== 0
  if (job.after) waitFor(step, row, job.after.on, job.after.otherwise === 'run')
  const pending = job.after ? (step.sql.openCount.get(row.seq) as { n: number }).n : 0
  const because = job.after ? cancellingMember(step, row) : undefined

  if (pending > 0 || held || because !== undefined) {
    const { seq, queue, rank, lane, rate } = row
    const line = lane === null && rate === null ? (queue << 2) | rank : null
    step.sql.blockNew.run(seq, pending, held ? 1 : 0, due, line)
    appear(step, row, 'blocked')
  } else if (due !== null && due > step.now) {
    step.sql.delay.run(row.seq, due, 0)
    appear(step, row, 'scheduled')
  } else {
    if (row.lane === null && row.rate === null) standNew(step, row)
    else enterLine(step, row)
    appear(step, row, 'ready')
  }
  if (because === undefined) return

  step.sql.leaveBlocked.run(row.seq)
  end(step, row, 'blocked', { state: 'cancelled', because, due })
}

function standNew(step: Step, { seq, queue }: JobRow): void {
  step.standNew(seq)
  step.wokenQueues.add(queue)
}

function appear(step: Step, row: JobRow, state: 'blocked' | 'scheduled' | 'ready'): void {
  step.count(row.queue, stateCode[state], 1)
  step.tell('enqueued', row, state, 0)
}
