/** Arriving from another store: a job goes on exactly where it left off. */
import { isUuid } from '../../id.ts'
import type { JobState } from '../../job.ts'
import type { MovingJob, PlaceAnswer } from '../moving.ts'
import { end } from './ending.ts'
import { errorText, flag, flagsOf, idValue, optionsText, stateCode, type FinalRow, type JobRow } from './job-row.ts'
import { knownGroup } from './groups.ts'
import { knownLane, knownRate } from './limits.ts'
import { enterLine, stand } from './line.ts'
import { newJobOf } from './moving-job.ts'
import { minute, type Step } from './step.ts'
import { leavePlace, whereIs } from './where.ts'
import { spread, spreadPerStep } from './telling.ts'
import { blockAgain, unblock } from './waiting.ts'

type Id = Uint8Array | string

export function place(step: Step, moving: MovingJob): PlaceAnswer {
  step.flushReady()
  const { sql, now } = step
  const id = idValue(moving.id)
  if ((sql.ticketOf.get(id) as { ticket: string } | undefined)?.ticket === moving.ticket) return 'placed'
  const there = sql.jobById.get(id) as JobRow | undefined
  if (there && !isSame(step, there, moving)) return 'conflict'

  sql.putArrived.run(id, moving.ticket, now)
  if (there) return 'there'

  const job = add(step, moving, id)
  const forbidden = connect(step, job, moving)
  goWhereItWas(step, job, moving, forbidden)
  spread(step, spreadPerStep)
  return 'placed'
}

function isSame({ names }: Step, there: JobRow, { job }: MovingJob): boolean {
  return names.name(there.task) === job.task && there.input === job.input
}

function add(step: Step, moving: MovingJob, id: Id): JobRow {
  const { sql, names } = step
  const { task, queue, rank, keepSucceededMs, keepFailedMs, input, tags } = moving.job
  const { seq, place: at } = numberFor(step, id)
  const asked = newJobOf(moving)
  const flags = flagsOf(asked) | (moving.members.length > 0 ? flag.members : 0)
  const insert = isUuid(moving.id) ? sql.insertUuidJob : sql.insertJob
  const [keep, expires] = [names.keep(keepSucceededMs, keepFailedMs), moving.expiresAt ?? null]
  const [lane, rate, key] = [laneOf(step, moving), rateOf(step, moving), moving.unique?.key ?? null]
  insert.run(
    seq,
    moving.id,
    names.task(task),
    names.queue(queue),
    rank,
    moving.createdAt,
    keep,
    expires,
    lane,
    rate,
    flags,
    key,
    asked.metadata ?? null,
    optionsText(asked),
    input,
  )
  step.countLimits({ lane, rate }, 1, moving.finishedAt === undefined ? 1 : 0)
  for (const tag of tags ?? []) sql.addTag.run(tag, seq)
  if (expires !== null) sql.addDeadline.run(expires, seq)
  addPast(step, moving, seq, at)
  takeKeyAlong(step, moving, seq, id)
  sql.forgetId.run(id)
  return sql.jobBySeq.get(seq) as JobRow
}

/** One that comes back has the number by which those that wait for it here know it, and a new place. */
function numberFor(step: Step, id: Id): { seq: number; place: number } {
  const { sql } = step
  const departed = sql.departedSeq.get(id) as { seq: number } | undefined
  const place = step.nextSeq()
  if (!departed) return { seq: place, place }

  sql.deleteDeparted.run(departed.seq)
  return { seq: departed.seq, place }
}

function addPast({ sql }: Step, moving: MovingJob, seq: number, at: number): void {
  const { attempts, crashes, startedAt = null, error, progress, history, log, steps = {} } = moving
  const over = moving.finishedAt !== undefined
  const [failures, started, thrown] = over ? [0, null, null] : [attempts, startedAt, errorText(error)]
  if (failures + crashes > 0 || started !== null || thrown !== null || at !== seq) {
    sql.putCourse.run(seq, at, failures, crashes, started, thrown, 0)
  }
  if (progress) sql.putProgress.run(seq, JSON.stringify(progress))
  for (const each of history) sql.addAttempt.run(seq, each.attempt, each.at, errorText(each.error), seq)
  for (const each of log) sql.addLog.run(seq, JSON.stringify(each), seq)
  for (const [name, result] of Object.entries(steps)) sql.addStep.run(seq, name, result)
}

/** A lane that is known here keeps its value. */
function laneOf(step: Step, { job: { lane, queue } }: MovingJob): number | null {
  if (!lane) return null
  if (lane.gather) return -knownGroup(step, lane.name, step.names.queue(queue), lane.gather).id
  return knownLane(step, lane.name, lane.slots).id
}

function rateOf(step: Step, { job: { rate } }: MovingJob): number | null {
  if (!rate) return null
  return knownRate(step, rate.name, rate.tokens, rate.perMs).id
}

/** A key that somebody holds here is lost on the way, never the job. */
function takeKeyAlong({ sql, names, now }: Step, { job, unique }: MovingJob, seq: number, id: Id): void {
  if (!unique?.holds) return
  const task = names.task(job.task)
  const row = sql.keyHolder.get(task, unique.key) as { until: number | null } | undefined
  if (row && (row.until === null || row.until > now)) return
  sql.takeKey.run(task, unique.key, seq, id, unique.holds.until ?? null)
}

/** Answers the member that forbids it to run, if one does. */
function connect(step: Step, { seq }: JobRow, { members }: MovingJob): Id | undefined {
  const { sql } = step
  const n = members.length > 0 ? step.nextSeq() : 0
  let [ended, missing]: (Id | undefined)[] = []
  for (const { id, index, otherwise, open } of members) {
    const member = sql.seqOfMember.get(idValue(id)) as { seq: number } | undefined
    const final = member && (sql.getFinal.get(member.seq) as FinalRow | undefined)
    const forbids = open && otherwise === 'cancel'
    if (member) sql.addEdge.run(seq, index, member.seq, n, otherwise === 'run' ? 1 : 0, open && !final ? 1 : 0)
    else if (forbids) missing ??= idValue(id)
    if (final && forbids && final.state !== stateCode.succeeded) ended ??= idValue(id)
  }
  return ended ?? missing
}

function goWhereItWas(step: Step, job: JobRow, moving: MovingJob, forbidden: Id | undefined): void {
  const { sql } = step
  const { dueAt = null } = moving
  const state = hasEnoughWaited(step, job, moving) ? 'ready' : moving.state
  step.count(job.queue, stateCode[state], 1)
  const slot = moving.keepsSlot ? 1 : 0
  if (slot) sql.takeSlotAgain.run(job.lane)
  if (state === 'scheduled') sql.delay.run(job.seq, dueAt, slot)
  else if (state === 'ready' && slot) stand(step, job)
  else if (state === 'ready') enterLine(step, job)
  else if (state !== 'blocked') return beFinal(step, job, moving, state)

  step.tell('enqueued', job, state, job.failures)
  if (state === 'blocked') block(step, job, moving, forbidden)
}

/** One that waited for others and for a time, if all the others have ended before it came. */
function hasEnoughWaited(step: Step, job: JobRow, { state, members }: MovingJob): boolean {
  return state === 'scheduled' && members.some(({ open }) => open) && openCount(step, job) === 0
}

function block(step: Step, job: JobRow, moving: MovingJob, because: Id | undefined): void {
  const { sql } = step
  const { dueAt: due = null, keepsSlot } = moving
  const slot = keepsSlot ? 1 : 0
  const pending = openCount(step, job)
  const held = (job.flags & flag.held) !== 0
  sql.block.run(job.seq, pending, held ? 1 : 0, due, slot)
  if (because !== undefined) {
    leavePlace(step, job, whereIs(step, job))
    end(step, job, 'blocked', { state: 'cancelled', because, due })
  } else if (pending === 0 && !held) unblock(step, job, due, slot === 1)
}

function beFinal(step: Step, job: JobRow, moving: MovingJob, state: JobState): void {
  const { sql, names } = step
  const {
    startedAt = null,
    finishedAt = step.now,
    attempts,
    result = null,
    error,
    because,
    cancelRequestedAt = null,
  } = moving
  const keptMs = Math.ceil(names.keepMs(job.keep, state === 'succeeded') / minute) * minute
  const until = finishedAt + keptMs
  sql.addFinalWhole.run(
    job.seq,
    stateCode[state],
    startedAt,
    finishedAt,
    until,
    attempts,
    result,
    errorText(error),
    because === undefined ? null : idValue(because),
    cancelRequestedAt,
    moving.dueAt ?? null,
  )
  step.pruneAt(until, job.seq)
  // Some may have been waiting here while it was away.
  step.telling.push(job.seq)
  step.ended.push(job.seq)
  if (state === 'cancelled' && because !== undefined) blockAgainIfRetried(step, job, idValue(because))
}

/** While it was on its way, the member that had cancelled it may have been retried. */
function blockAgainIfRetried(step: Step, job: JobRow, because: Id): void {
  const { sql } = step
  const member = sql.jobById.get(because) as JobRow | undefined
  const edge = member && (sql.edgeBetween.get(job.seq, member.seq) as { runs: number } | undefined)
  const final = member && (sql.getFinal.get(member.seq) as FinalRow | undefined)
  if (!member || !edge || edge.runs || (final && final.state !== stateCode.succeeded)) return

  blockAgain(step, job.seq, member)
}

const openCount = ({ sql }: Step, { seq }: JobRow) => (sql.openCount.get(seq) as { n: number }).n
