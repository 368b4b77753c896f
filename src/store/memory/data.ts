/** All that the memory engine holds. The other files of this folder are functions over it. */
import type { Env } from '../../env.ts'
import { isFinal, type JobState } from '../../job.ts'
import type { MoveTarget } from '../moving.ts'
import type { Claim, ControlMessage, Due, IncarnationId, NewWorker, ScheduleRecord, StatRow } from '../store.ts'
import type { Edge, Entry } from './entry.ts'
import { countUnfinished } from './limits.ts'
import { Line } from './line.ts'
import { News } from './news.ts'

/** Jobs that share an indexed tag, in the order of their insertion. */
interface Tagged {
  readonly entries: Entry[]
  /** How many of them are erased. */
  erased: number
}

export interface Data {
  readonly env: Env
  readonly news: News
  readonly jobs: Map<string, Entry>
  /** Every job in order of insertion; erased ones stay until they are too many. */
  ordered: Entry[]
  /** Those with a tag that is indexed, by it, likewise. */
  readonly tagged: Map<string, Tagged>
  readonly queues: Map<string, Queue>
  readonly lanes: Map<string, LaneState>
  readonly groups: Map<string, GroupState>
  readonly rates: Map<string, RateState>
  readonly keys: Map<string, KeyRow>
  readonly due: Line
  readonly expiries: Line
  readonly retention: Line
  /** Cascades that have begun and wait to be spread, first in, first out. */
  readonly cascades: Cascade[]
  readonly incarnations: Map<IncarnationId, Incarnation>
  /** Jobs of incarnations that are gone, not yet rescued. */
  readonly lost: Entry[]
  readonly schedules: Map<string, Schedule>
  readonly stats: Map<string, Stat>
  /** Ids of pruned jobs, and when that was. */
  readonly pruned: Map<string, number>
  readonly moving: Moving
  places: number
  sequence: number
  claims: number
  /** Counts what comes up for pruning. */
  endings: number
  /** When upkeep last ran, on the monotonic clock. */
  stampedAt: number
}

/** What this store knows of moves, from here and to here. */
interface Moving {
  /** Made when first asked for. */
  identity: string | undefined
  to: MoveTarget | undefined
  /** Jobs on their way, the first taken first. */
  readonly leaving: Map<string, Entry>
  /** Jobs that were moved from here, and when. */
  readonly departed: Map<string, { readonly entry: Entry; readonly at: number }>
  /** Tickets under which jobs have come here, by their ids. */
  readonly arrived: Map<string, { readonly ticket: string; readonly at: number }>
  /** Schedules that fire elsewhere; without a record once they are there. */
  readonly schedules: Map<string, Schedule | undefined>
}

export interface Queue {
  readonly name: string
  paused: boolean
  readonly states: Record<JobState, number>
  readonly ranks: readonly Standing[]
  readonly suspects: Line
  /** How many jobs have become claimable here. */
  arrivals: number
}

/** The ready jobs of one queue and rank. Those of a rate stand apart, so that no claim scans past them. */
export interface Standing {
  readonly plain: Line
  readonly rated: Map<string, Line>
}

/** What lanes and rates have in common: how long they are remembered. */
export interface Remembered {
  /** Its value was set by hand. */
  pinned: boolean
  /** Jobs that name it. */
  jobs: number
  /** Those of them that are not final. */
  unfinished: number
}

export interface LaneState extends Remembered {
  slots: number
  /** Names the jobs that are out of the lane; never a mere count, so no slot can leak. */
  readonly out: Set<string>
  readonly parked: Line
}

/** Jobs of one lane and queue that are handed out together. */
export interface GroupState extends Remembered {
  readonly name: string
  readonly queue: string
  size: number
  waitMs: number
  readonly parked: Line
  /** Stands in the ready line for all of them, until it is claimed. */
  leader: Entry | undefined
}

export interface RateState extends Remembered {
  tokens: number
  perMs: number
  /** Recorded starts, oldest first. */
  starts: { readonly at: number; readonly id: string; readonly claim: number }[]
  /** Until then none starts, whatever tokens are left. */
  closedUntil: number
  /** Jobs of this rate that stand ready. */
  standing: number
}

export interface KeyRow {
  readonly id: string
  readonly until?: number
}

export interface Cascade {
  readonly kind: 'ended' | 'reopened'
  readonly edge: Edge
  /** Whether the member had succeeded; a removed member can no longer be asked. */
  readonly succeeded: boolean
}

export interface Incarnation {
  readonly id: IncarnationId
  readonly worker: NewWorker
  readonly startedAt: number
  /** On the monotonic clock. */
  deadline: number
  readonly held: Map<string, Entry>
  cancels: Claim[]
  /** The latest of each kind. */
  messages: { readonly message: ControlMessage; told: boolean }[]
  /** Arrivals by queue as they were at its last turn. */
  readonly seen: Map<string, number>
}

export type Schedule = { -readonly [K in keyof ScheduleRecord]: ScheduleRecord[K] }
type Stat = { -readonly [K in keyof StatRow]: StatRow[K] }

export function emptyData(env: Env): Data {
  return {
    env,
    news: new News(env),
    jobs: new Map(),
    ordered: [],
    tagged: new Map(),
    queues: new Map(),
    lanes: new Map(),
    groups: new Map(),
    rates: new Map(),
    keys: new Map(),
    due: new Line(),
    expiries: new Line(),
    retention: new Line(),
    cascades: [],
    incarnations: new Map(),
    lost: [],
    schedules: new Map(),
    stats: new Map(),
    pruned: new Map(),
    moving: {
      identity: undefined,
      to: undefined,
      leaving: new Map(),
      departed: new Map(),
      arrived: new Map(),
      schedules: new Map(),
    },
    places: 0,
    sequence: 0,
    claims: 0,
    endings: 0,
    stampedAt: -Infinity,
  }
}

export function queueOf(data: Data, name: string): Queue {
  const known = data.queues.get(name)
  if (known) return known

  const queue: Queue = {
    name,
    paused: false,
    states: { scheduled: 0, blocked: 0, ready: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0, expired: 0 },
    ranks: Array.from({ length: 4 }, () => ({ plain: new Line(), rated: new Map() })),
    suspects: new Line(),
    arrivals: 0,
  }
  data.queues.set(name, queue)
  return queue
}

export function momentOf(data: Data, due: Due): number {
  return 'at' in due ? due.at : data.env.now() + due.inMs
}

/** The only place where a job's state changes, so that the counters cannot stray. */
export function setState(data: Data, entry: Entry, state: JobState): void {
  const { states } = queueOf(data, entry.job.queue)
  states[entry.state]--
  states[state]++
  countUnfinished(data, entry, Number(isFinal(entry.state)) - Number(isFinal(state)))
  entry.state = state
}

export function tally(data: Data, task: string, outcome: StatRow['outcome'], ranMs: number): void {
  const at = Math.floor(data.env.now() / 60_000) * 60_000
  const key = JSON.stringify([at, task, outcome])
  const row = data.stats.get(key) ?? { at, task, outcome, count: 0, ranMs: 0 }
  data.stats.set(key, row)
  row.count++
  row.ranMs += ranMs
}
