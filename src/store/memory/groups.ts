/**
 * Lanes that gather: their jobs stand parked until enough of them do, or one has waited long enough. Then the first
 * of them stands in the ready line for all, as their leader, and whoever claims it is handed the others too.
 *
 * Jobs of different queues are never handed out together. A suspect stands alone, so that it convicts itself alone.
 */
import { queueOf, type Data, type GroupState } from './data.ts'
import type { Entry } from './entry.ts'
import { Line } from './line.ts'
import { stand } from './lines.ts'
import type { NewJob } from '../store.ts'

/** What counts as the time of a job that was given back or rescued: it has waited long enough. */
export const longAgo = 0

/** The group of a job whose lane gathers; made with the value that the job brings. */
export function groupOf(data: Data, { queue, lane }: NewJob): GroupState | undefined {
  if (!lane?.gather) return undefined

  const key = JSON.stringify([lane.name, queue])
  const { size, waitMs } = lane.gather
  const fresh = { pinned: false, jobs: 0, unfinished: 0, leader: undefined, parked: new Line() }
  const group = data.groups.get(key) ?? { name: lane.name, queue, size, waitMs, ...fresh }
  data.groups.set(key, group)
  return group
}

/** The value given last holds. */
export function setGroup(data: Data, job: NewJob): void {
  const group = groupOf(data, job)
  const { size, waitMs } = job.lane?.gather ?? {}
  if (!group || (group.size === size && group.waitMs === waitMs)) return
  Object.assign(group, { size, waitMs })
  look(data, group)
}

export function gather(data: Data, group: GroupState, entry: Entry, since: number): void {
  entry.gatheredAt = since
  parkIn(group, entry)
  // Whoever sleeps must hear when it will be time.
  if (group.parked.size === 1 && !group.leader) wake(data, group)
  look(data, group)
}

/** In the order of the lane, wherever it stood in it before. */
export function parkIn({ parked }: GroupState, entry: Entry): void {
  entry.standing = parked.add(entry, entry.job.lane!.ordered ? -1 : entry.rank, entry.place)
}

/** Sends out a leader if it is time and none stands in the line. */
export function look(data: Data, group: GroupState): void {
  const first = group.parked.peek()?.entry
  if (!first || group.leader || !isRipe(data, group)) return

  group.parked.remove(first.standing!)
  group.leader = first
  stand(data, first)
}

/** What time has made ripe. */
export function ripen(data: Data): void {
  for (const group of data.groups.values()) look(data, group)
}

/** When a group that has no leader in the line will be ripe by time. */
export function ripeAt({ leader, parked, waitMs }: GroupState): number | undefined {
  if (leader || parked.size === 0) return undefined
  return Math.min(...parked.inOrder().map(({ gatheredAt }) => gatheredAt)) + waitMs
}

export function forgetGroup({ groups }: Data, { name, queue, jobs }: GroupState): void {
  if (jobs === 0) groups.delete(JSON.stringify([name, queue]))
}

function isRipe({ env }: Data, group: GroupState): boolean {
  return group.parked.size >= group.size || ripeAt(group)! <= env.now()
}

function wake(data: Data, { queue }: GroupState) {
  queueOf(data, queue).arrivals++
  data.news.work(queue)
}
