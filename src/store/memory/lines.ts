/**
 * How a job comes to stand ready: through its lane, if it has one, into the line of its queue and rank.
 *
 * Coming from anywhere but a give-back or a rescue, it takes a new number and so the end of the line; one that goes on keeps
 * the number it had when it began to wait for others, or took when it fell asleep.
 * A lane lets its jobs out by rank and number, or by number alone, while it has free slots; those it keeps stand
 * parked. A job that waits and has kept its slot goes straight to its line.
 */
import { queueOf, setState, type Data, type LaneState, type RateState } from './data.ts'
import type { Entry } from './entry.ts'
import { gather, groupOf, longAgo, look, parkIn } from './groups.ts'
import { Line } from './line.ts'
import type { Lane, Rate } from '../store.ts'

const beforeAllRanks = -1

/** Makes a job ready at the end of its line, or with the number it has where it goes on. */
export function lineUp(data: Data, entry: Entry): void {
  if (!entry.goesOn) entry.place = ++data.places
  entry.dueAt = undefined
  setState(data, entry, 'ready')

  const { lane } = entry.job
  const group = groupOf(data, entry.job)
  if (group && !entry.suspect) return gather(data, group, entry, data.env.now())
  if (!lane || group || laneOf(data, lane).out.has(entry.id)) return stand(data, entry)
  park(data, entry)
  admit(data, lane.name)
}

/** Puts a job that was given back or rescued where it stood; into its lane it goes back only if that gathers. */
export function lineUpAgain(data: Data, entry: Entry): void {
  setState(data, entry, 'ready')
  const group = groupOf(data, entry.job)
  if (group && !entry.suspect) gather(data, group, entry, longAgo)
  else stand(data, entry)
}

/** Puts a job that had given up its place where it stood, on either side of its lane. */
export function parkAgain(data: Data, entry: Entry): void {
  if (entry.job.lane!.gather) return lineUpAgain(data, entry)
  park(data, entry)
  admit(data, entry.job.lane!.name)
}

/** Makes a job wait for its time. */
export function schedule(data: Data, entry: Entry, dueAt: number): void {
  entry.dueAt = dueAt
  entry.due = data.due.add(entry, dueAt, entry.seq)
  setState(data, entry, 'scheduled')
}

/** Takes a job out of wherever it waits. */
export function withdraw(data: Data, entry: Entry): void {
  if (entry.due) data.due.remove(entry.due)
  entry.due = undefined
  if (!entry.standing) return

  const parked = isParked(data, entry)
  const { line } = entry.standing
  line.remove(entry.standing)
  entry.standing = undefined
  const group = groupOf(data, entry.job)
  if (group?.leader === entry) group.leader = undefined
  const { rate } = entry
  if (rate && !parked) rateOf(data, rate).standing--
}

function isParked(data: Data, { job, standing }: Entry): boolean {
  const lane = groupOf(data, job) ?? (job.lane && laneOf(data, job.lane))
  return lane !== undefined && lane.parked === standing?.line
}

/** Stands a ready job anew after its rank or place has changed; it stays on its side of the lane. */
export function restand(data: Data, entry: Entry): void {
  const group = groupOf(data, entry.job)
  const [parked, leads] = [isParked(data, entry), group?.leader === entry]
  withdraw(data, entry)
  if (group && leads) group.leader = entry
  if (!parked) stand(data, entry)
  else if (group) parkIn(group, entry)
  else park(data, entry)
}

/** Also of a job that does not stand ready, and has kept it. */
export function hasSlot(data: Data, { id, job }: Entry): boolean {
  return job.lane !== undefined && !job.lane.gather && laneOf(data, job.lane).out.has(id)
}

export function takeSlot(data: Data, { id, job }: Entry): void {
  if (job.lane && !job.lane.gather) laneOf(data, job.lane).out.add(id)
}

/** Hands in a job's slot without letting the next one out; `admit` does. */
export function handInSlot(data: Data, entry: Entry): void {
  const { lane } = entry.job
  if (lane && !lane.gather) laneOf(data, lane).out.delete(entry.id)
}

/** Hands in a job's slot and lets the next one out, or the next leader where jobs are gathered. */
export function freeSlot(data: Data, entry: Entry): void {
  const group = groupOf(data, entry.job)
  if (group) return look(data, group)
  handInSlot(data, entry)
  if (entry.job.lane) admit(data, entry.job.lane.name)
}

/** Lets jobs out of a lane while it has free slots. */
export function admit(data: Data, name: string): void {
  const lane = data.lanes.get(name)
  if (!lane) return

  while (lane.out.size < lane.slots) {
    const entry = lane.parked.peek()?.entry
    if (!entry) return
    lane.parked.remove(entry.standing!)
    lane.out.add(entry.id)
    stand(data, entry)
  }
}

export function laneOf(data: Data, { name, slots }: Lane): LaneState {
  const lane = data.lanes.get(name) ?? { slots, out: new Set(), parked: new Line(), ...unknown() }
  data.lanes.set(name, lane)
  return lane
}

export function rateOf(data: Data, { name, tokens, perMs }: Rate): RateState {
  const rate = data.rates.get(name) ?? { tokens, perMs, starts: [], closedUntil: -Infinity, standing: 0, ...unknown() }
  data.rates.set(name, rate)
  return rate
}

const unknown = () => ({ pinned: false, jobs: 0, unfinished: 0 })

function park(data: Data, entry: Entry) {
  const lane = entry.job.lane!
  entry.standing = laneOf(data, lane).parked.add(entry, lane.ordered ? beforeAllRanks : entry.rank, entry.place)
}

export function stand(data: Data, entry: Entry): void {
  const queue = queueOf(data, entry.job.queue)
  const { rate } = entry
  if (rate) rateOf(data, rate).standing++

  if (entry.suspect) entry.standing = queue.suspects.add(entry, entry.rank, entry.place)
  else entry.standing = lineFor(queue.ranks[entry.rank]!, rate).add(entry, entry.place, 0)

  queue.arrivals++
  data.news.work(queue.name)
}

function lineFor(standing: { plain: Line; rated: Map<string, Line> }, rate: Rate | undefined): Line {
  if (!rate) return standing.plain
  const line = standing.rated.get(rate.name) ?? new Line()
  standing.rated.set(rate.name, line)
  return line
}
