/**
 * The two ends of a move: how jobs and schedules leave one store and arrive in another,
 * while producers, workers and schedulers go on at both.
 *
 * A mover (src/move) calls, over and over: `take` at the source, `place` at the destination, `drop` at the source.
 * It may die between any two, several may run at once, and any call may be repeated:
 *
 * - A taken job is *leaving*: it stands in the source as it was, and nothing there can claim, change or end it.
 *   It stays so, over restarts too, until it is dropped; `leaving` tells a new mover what an older one had taken.
 * - It is alive in the destination from `place` on. Each call of `take` gives its jobs a ticket; the destination
 *   keeps it, and what has arrived under a ticket arrives no second time, whatever has become of it since.
 * - So it can run in one of the stores at every moment, and never in both.
 *
 * Dependencies. Members leave before those that wait for them, so nothing arrives before what it waits for: in one
 * page they go before it, and what was taken with another is known to have arrived once it is dropped. A waiter
 * that is still in the source goes on waiting for a member that has left unfinished, until it follows; a final member
 * stays readable for it. Whether a member has ended meanwhile is found out where both have arrived.
 */
import type { JobError, JobState, StoredLine, Progress } from '../job.ts'
import type { AttemptRecord, NewJob, ScheduleRecord } from './store.ts'

export interface MovingStore {
  /** While any job is leaving, `inspect` has a warning about it too. */
  status(): Promise<MoveStatus>

  /**
   * Remembers where this store's jobs go, if that is not settled yet, and answers where they go. Where this is not
   * what was asked for, another move has not come to its end.
   */
  begin(to: MoveTarget): Promise<MoveTarget>

  /**
   * Forgets where the jobs go. False, and nothing is forgotten, while any job is leaving that is not put aside; those
   * that are become plain final jobs again, of which the destination has its own.
   */
  end(): Promise<boolean>

  /**
   * Marks jobs as leaving, each once, and hands them out whole, in the order in which they are to be placed. A page
   * may be short, even empty, and still carry a cursor; the page without one comes to the end of this look.
   *
   * - Stays: what runs; what waits for, or has waited for, a job that stays, or one that was taken in another call and
   *   is not dropped or put aside yet; a final job whose end has not been told to all its waiters. In a circle
   *   of jobs that have waited for each other one goes first, a final one if there is one, and loses sight of the
   *   others; while all of them still wait, all stay.
   * - First what waits and has kept its slot of a lane; then what stands ready or parked, each line and each lane in its order, then by due time what is scheduled,
   *   then blocked and at last final jobs, both in order of insertion. Before each job, the members it waits for or
   *   has waited for, if they have not left already.
   * - A leaving job gives up its place and its slot; `stay` has it back in its place. It no longer falls due, expires
   *   or is pruned. `get`, `find`, `history`, `members` and `counts` show it as it was. `change`, `cancel`, `retry`,
   *   `remove` and `release` answer 'unknown'. An insert finds its id there, as ever; of its unique key, it answers
   *   `kept`, also where it asks to replace. A job may be inserted that waits for it.
   */
  take(room: MoveRoom, cursor?: string): Promise<{ jobs: MovingJob[]; cursor?: string }>

  /** Jobs that were taken and not dropped, the first taken first, with the tickets they were given. */
  leaving(room: MoveRoom): Promise<MovingJob[]>

  /**
   * Adds jobs that have left another store, exactly in the state they were in. One answer per job, each job by
   * itself and in order; one alone may be of any size.
   *
   * - `placed`; also again, for as long as tickets are remembered: seven days at least.
   * - `there`: a job with this id, this task and this input is here already. Nothing is changed.
   * - `conflict`: the id belongs to another job. Nothing is changed.
   *
   * A job that has kept its slot has it here too. Ready jobs go through their lane to the end of their line; scheduled ones fall due, and all expire and are
   * pruned, by the times they bring. A lane or rate that is known here keeps its value, another is made with the
   * value it brings. A unique key that another job holds here is lost, and the job arrives without it.
   *
   * Of a blocked job, an edge that was open is open if its member is here and not final. If the member is here and
   * final, it is told its end as ever; if it is not here (it was removed, or kept no longer), it counts as one that
   * ended cancelled. A job that is cancelled because of a member which has been retried here is blocked again, as
   * `retry` would have had it.
   *
   * A job that comes back to a store it has left is again the member of those that wait for it here.
   */
  place(jobs: readonly MovingJob[]): Promise<PlaceAnswer[]>

  /**
   * Deletes leaving jobs that have been placed, each only under its ticket. Answers how many.
   *
   * For seven days at least, and while a job here waits for it, its id answers as that of a pruned job does: `gone`. An insert of that id answers
   * `exists`, whatever its task and input; a job may be inserted, or settled with `wait`, that waits for it, and stays
   * blocked until it is moved itself. A unique key that holds for a time holds on; others are free.
   *
   * A final job that an unfinished job here still needs is only put aside: it stays leaving, shown and readable as a
   * member, is not handed out by `leaving` again, and goes when a `take` without a cursor finds that nobody needs it.
   */
  drop(taken: readonly MoveTicket[]): Promise<number>

  /** Calls leaving off: these jobs are again what they were. Only for what has not been placed. Answers how many. */
  stay(taken: readonly MoveTicket[]): Promise<number>

  /**
   * Schedules that have not left, marked as leaving, beside those marked before and not dropped. A marked schedule
   * is not listed, fires no more (`stale`), and what is declared, paused or removed under its name does nothing.
   */
  takeSchedules(): Promise<ScheduleRecord[]>

  /**
   * Adds schedules with all they bring. One that is known here keeps its rule, and is paused if either was; with the
   * same rule it fires next at the later of the two times, so that no tick fires on both sides. One that has left
   * from here before is back.
   */
  placeSchedules(schedules: readonly ScheduleRecord[]): Promise<void>

  /** Keeps the mark alone, so that processes which declare them here do not make them fire here again. */
  dropSchedules(names: readonly string[]): Promise<void>
}

/** A store, as the one that is moved remembers it. */
export interface MoveTarget {
  /** Made once per store, by the store, and never changed: two ways to the same store answer the same. */
  readonly identity: string
  /** For people. */
  readonly name: string
}

export interface MoveStatus {
  readonly identity: string
  /** Where this store's jobs go, while a move has not come to its end. */
  readonly to?: MoveTarget
  /** Jobs taken and not dropped, those put aside included. */
  readonly leaving: number
}

/** At most so many jobs, and about so many bytes, but at least one job. Engines may hand out fewer. */
export interface MoveRoom {
  readonly jobs: number
  readonly bytes: number
}

export interface MoveTicket {
  readonly id: string
  /** Made by the call of `take` that took it; never used again. */
  readonly ticket: string
}

export type PlaceAnswer = 'placed' | 'there' | 'conflict'

/** A job with all that a store knows of it. Times are moments on the wall clock. */
export interface MovingJob extends MoveTicket {
  /** As it was inserted, with the rank, input and version it has now and the slots its lane and tokens its rate have. */
  readonly job: Omit<NewJob, 'id' | 'due' | 'expires' | 'unique' | 'after'>
  readonly state: Exclude<JobState, 'running'>
  readonly createdAt: number
  /** Runs that ended by a settlement. */
  readonly attempts: number
  readonly crashes: number
  /** When it falls due: of a scheduled job, and of one that is or was blocked and has its time still to wait for. */
  readonly dueAt?: number
  readonly expiresAt?: number
  readonly startedAt?: number
  readonly finishedAt?: number
  readonly cancelRequestedAt?: number
  readonly result?: string | null
  readonly error?: JobError
  readonly progress?: Progress
  readonly because?: string
  readonly unique?: {
    readonly key: string
    readonly scope: 'waiting' | 'active' | 'time'
    /** Present while it holds its key; `until` with the scope `time`. */
    readonly holds?: { readonly until?: number }
  }
  readonly history: readonly AttemptRecord[]
  readonly log: readonly StoredLine[]
  /** Step results, encoded, by name. */
  readonly steps?: Readonly<Record<string, string>>
  /** In index order; members that are gone are left out. */
  readonly members: readonly MovingEdge[]
  /** It is scheduled or blocked, and its slot of the lane has stayed its own. */
  readonly keepsSlot?: true
  /** Unfinished jobs wait for it that come later: the mover lets it be kept for a week at least. */
  readonly awaited?: boolean
}

export interface MovingEdge {
  readonly index: number
  readonly id: string
  readonly otherwise: 'cancel' | 'run'
  /** Not yet counted by the waiter. */
  readonly open: boolean
}
