/**
 * Lanes that gather: their jobs stand apart until enough of them do, or one has waited long enough. Then the first of
 * them stands in the ready line for all, as their leader. `ripe` tells when time will send one, so that no turn looks
 * at groups that are not due.
 */
import { isSuspect } from '../rules.ts'
import type { Gather } from '../store.ts'
import { flag, type JobRow } from './job-row.ts'
import { parkedRank, stand, type Standing } from './line.ts'
import type { Step } from './step.ts'

/** What counts as the time of a job that was given back or rescued: it has waited long enough. */
export const longAgo = 0
const ripenedPerTurn = 100

export interface GroupRow {
  readonly name: string
  readonly queue: number
  readonly size: number
  readonly wait_ms: number
  readonly standing: number
  readonly leader: number | null
  readonly ripe: number | null
}

/** Jobs name the group of their lane by its number, negated. */
export const isGroup = (lane: number | null): lane is number => lane !== null && lane < 0

export const groupById = ({ sql }: Pick<Step, 'sql'>, lane: number): GroupRow => sql.groupById.get(-lane) as GroupRow

/** The number of the group that an inserted job comes to; the value given last holds. */
export function groupFor(step: Step, name: string, queue: number, { size, waitMs }: Gather): number {
  const group = knownGroup(step, name, queue, { size, waitMs })
  if (group.size !== size || group.wait_ms !== waitMs) {
    step.sql.setGroup.run(size, waitMs, group.id)
    look(step, -group.id)
  }
  return -group.id
}

/** A group that is known keeps its value. */
export function knownGroup({ sql }: Step, name: string, queue: number, { size, waitMs }: Gather): KnownGroup {
  return (sql.groupByName.get(name, queue) ?? sql.addGroup.get(name, queue, size, waitMs)) as KnownGroup
}

type KnownGroup = Pick<GroupRow, 'size' | 'wait_ms'> & { readonly id: number }

/** Towards being ready. A suspect stands alone, so that it convicts itself alone. */
export function gather(step: Step, job: Standing & { readonly lane: number }, since: number): void {
  if (isSuspect(job)) return stand(step, job)

  const { sql } = step
  sql.gather.run(-job.lane, parkedRank(job), job.place, job.seq, since)
  sql.addStanding.run(1, -job.lane)
  const { standing, leader } = look(step, job.lane)
  // Whoever sleeps must hear when it will be time.
  if (standing === 1 && leader === null) step.wokenQueues.add(job.queue)
}

/** False if it stands there no more: it leads the others, or is a suspect. */
export function leaveGathered(step: Step, job: Standing & { readonly lane: number }): boolean {
  if (Number(step.sql.leaveGathered.run(-job.lane, parkedRank(job), job.place).changes) === 0) return false
  step.sql.addStanding.run(-1, -job.lane)
  return true
}

/** Takes its new place, and keeps its time. False if it does not stand there. */
export function gatherAgain({ sql }: Step, job: JobRow & { readonly lane: number }, changed: JobRow): boolean {
  const at = [-job.lane, parkedRank(job), job.place] as const
  const row = sql.gatheredSince.get(...at) as { since: number } | undefined
  if (!row) return false
  sql.leaveGathered.run(...at)
  sql.gather.run(-job.lane, parkedRank(changed), changed.place, job.seq, row.since)
  return true
}

/** The leader stands in the line no more. */
export function loseLeader(step: Step, { seq, lane }: { readonly seq: number; readonly lane: number }): void {
  if (groupById(step, lane).leader === seq) step.sql.setLeader.run(null, -lane)
}

/** Sends out a leader if it is time and none stands in the line. Answers how it was before. */
export function look(step: Step, lane: number): GroupRow {
  const group = groupById(step, lane)
  if (group.leader === null) lookAt(step, -lane, group)
  return group
}

function lookAt(step: Step, id: number, { standing, size, wait_ms: waitMs, ripe }: GroupRow): void {
  const { sql } = step
  const longest = standing > 0 ? (sql.longestGathered.get(id) as { since: number }).since : undefined
  const at = longest === undefined ? null : longest + waitMs
  if (at !== null && (standing >= size || at <= step.now)) return sendLeader(step, id)
  if (at !== ripe) sql.setRipe.run(at, id)
}

function sendLeader(step: Step, id: number): void {
  const { sql } = step
  const first = sql.firstGathered.get(id) as { rank: number; place: number; seq: number }
  sql.leaveGathered.run(id, first.rank, first.place)
  sql.addStanding.run(-1, id)
  sql.setLeader.run(first.seq, id)
  stand(step, sql.jobBySeq.get(first.seq) as JobRow)
}

/** What time has made ripe. */
export function ripen(step: Step): void {
  for (const { id } of step.sql.ripeGroups.all(step.now, ripenedPerTurn) as { id: number }[]) look(step, -id)
}

/** Of a job of a lane that gathers, while it runs: who led its group, if another did. */
export function forgetLeader({ sql }: Step, { seq, flags }: Pick<JobRow, 'seq' | 'flags'>): void {
  if (flags & flag.gathers) sql.deleteGrouped.run(seq)
}
