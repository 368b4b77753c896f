/**
 * Adding plain jobs, which most are: many by few statements.
 *
 * They are written straight away, and only the number of rows tells whether one of the ids was there before. Then
 * nothing has been written, and whoever asked looks at each call by itself.
 */
import { isUuid } from '../../id.ts'
import type { NewJob } from '../store.ts'
import { flagsOf, optionsText, ready } from './job-row.ts'
import { jobsPerStatement } from './queries/many.ts'
import type { Value } from './statements.ts'
import type { Step } from './step.ts'

/** Nothing to look up, nowhere to go but the end of its line. */
export function isPlain(job: NewJob): boolean {
  const { due, expires, unique, lane, rate, after, held, tags, startedBy } = job
  return !(due ?? expires ?? unique ?? lane ?? rate ?? after ?? held ?? tags ?? startedBy)
}

/** Adds plain jobs, all or none. False, with nothing written, if an id was there before or was moved from here. */
export function insertPlainly(step: Step, jobs: readonly NewJob[]): boolean {
  // What a single statement adds needs no taking back.
  if (jobs.length === 1 && isKnown(step, jobs[0]!)) {
    const seq = step.nextSeq()
    if (!writeOne(step, jobs[0]!, seq, sharedValues(step, jobs[0]!))) return false
    standAlike(step, jobs, seq)
    return true
  }
  step.sql.savepoint.run()
  const firsts = writeAll(step, jobs)
  if (!firsts) takeBack(step)
  else step.sql.release.run()
  for (const { alike, seq } of firsts ?? []) standAlike(step, alike, seq)

  return firsts !== undefined
}

/** Its queue and task are; a refused call must not leave them behind. */
const isKnown = ({ names }: Step, { queue, task }: NewJob) =>
  names.findQueue(queue) !== undefined && names.findTask(task) !== undefined

interface Written {
  readonly alike: readonly NewJob[]
  /** Of the first; the others follow. */
  readonly seq: number
}

function writeAll(step: Step, jobs: readonly NewJob[]): Written[] | undefined {
  const written: Written[] = []
  for (let at = 0; at < jobs.length;) {
    const count = alikeFrom(jobs, at)
    const alike = count === jobs.length ? jobs : jobs.slice(at, at + count)
    const seq = writeAlike(step, alike)
    if (seq === undefined) return undefined
    written.push({ alike, seq })
    at += count
  }
  return written
}

/** How many from here on differ in nothing but id and input. */
function alikeFrom(jobs: readonly NewJob[], from: number): number {
  let to = from + 1
  while (to < jobs.length && isLike(jobs[from]!, jobs[to]!)) to++
  return to - from
}

function isLike(one: NewJob, other: NewJob): boolean {
  return (
    one.task === other.task &&
    one.queue === other.queue &&
    one.rank === other.rank &&
    one.keepSucceededMs === other.keepSucceededMs &&
    one.keepFailedMs === other.keepFailedMs &&
    one.once === other.once &&
    one.metadata === other.metadata &&
    one.version === other.version &&
    one.redact === other.redact &&
    !(one.onSucceeded ?? one.onFailed ?? other.onSucceeded ?? other.onFailed)
  )
}

/** Gives the seq of the first. Undefined if one was there before: some of them may have been written then. */
function writeAlike(step: Step, jobs: readonly NewJob[]): number | undefined {
  const first = step.nextSeq()
  const shared = sharedValues(step, jobs[0]!)
  for (let at = 0; at < jobs.length;) {
    const seq = at === 0 ? first : step.nextSeq()
    if (at + jobsPerStatement <= jobs.length && areNewUuids(step, jobs, at)) {
      for (let more = 1; more < jobsPerStatement; more++) step.nextSeq()
      if (!writeMany(step, jobs, at, [seq, ...shared])) return undefined
      at += jobsPerStatement
    } else if (!writeOne(step, jobs[at++]!, seq, shared)) return undefined
  }
  return first
}

function areNewUuids(step: Step, jobs: readonly NewJob[], from: number): boolean {
  for (let at = from; at < from + jobsPerStatement; at++) {
    const { id } = jobs[at]!
    if (!isUuid(id) || step.hasDeparted(id)) return false
  }
  return true
}

type Shared = readonly [
  task: number,
  queue: number,
  rank: number,
  now: number,
  keep: number,
  flags: number,
  metadata: string | null,
  options: string | null,
]

function sharedValues({ names, now }: Step, job: NewJob): Shared {
  const keep = names.keep(job.keepSucceededMs, job.keepFailedMs)

  return [
    names.task(job.task),
    names.queue(job.queue),
    job.rank,
    now,
    keep,
    flagsOf(job),
    job.metadata ?? null,
    optionsText(job),
  ]
}

function writeMany({ sql }: Step, jobs: readonly NewJob[], from: number, values: Value[]): boolean {
  for (let at = from; at < from + jobsPerStatement; at++) values.push(jobs[at]!.id, jobs[at]!.input)

  return sql.insertUuidJobs.run(...values).changes === jobsPerStatement
}

function writeOne(step: Step, job: NewJob, seq: number, shared: Shared): boolean {
  if (step.hasDeparted(job.id)) return false
  const insert = isUuid(job.id) ? step.sql.insertUuidJob : step.sql.insertJob
  const [task, queue, rank, now, keep, flags, metadata, options] = shared
  const { id, input } = job

  return (
    insert.run(seq, id, task, queue, rank, now, keep, null, null, null, flags, null, metadata, options, input)
      .changes !== 0
  )
}

/** Names that were added are gone with it. */
function takeBack(step: Step): void {
  step.sql.rollbackTo.run()
  step.sql.release.run()
  step.names.forget()
}

function standAlike(step: Step, jobs: readonly NewJob[], first: number): void {
  const { names } = step
  const [task, queue] = [names.task(jobs[0]!.task), names.queue(jobs[0]!.queue)]
  for (let at = 0; at < jobs.length; at++) step.standNew(first + at)
  step.count(queue, ready, jobs.length)
  step.wokenQueues.add(queue)
  if (!step.events) return

  const options = optionsText(jobs[0]!)
  for (const [at, { id }] of jobs.entries())
    step.tell('enqueued', { seq: first + at, id, task, queue, options }, 'ready', 0)
}
