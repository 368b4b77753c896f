/**
 * Claiming: which ready jobs a worker gets.
 *
 * For each room: at most one suspect, and only if the worker holds none; then from the top, queue by
 * queue and rank by rank; then the last few from the lowest rank up. The jobs of a line are claimed by
 * range: read, moved and deleted by three statements however many they are.
 */
import type { ClaimedJob, Room } from '../store.ts'
import { claimedJob, flagsOf, queueOf, rankOf, raresOf, type ClaimRow, type Known } from './claimed-job.ts'
import { membersTogether } from './claimed-members.ts'
import { end } from './ending.ts'
import { groupById, look } from './groups.ts'
import { bytesPerTransaction, jobsPerCall } from './inserter.ts'
import { flag, idValue, ready, running, type JobRow } from './job-row.ts'
import { leaveLine } from './line.ts'
import { isTight, leaveThrottled, never, nextToken, recordStarts, standThrottled, tokenRate } from './rates.ts'
import { outcomes, type Step } from './step.ts'

const lowest = 3
/** How many jobs of tight rates one turn sends where they ask for a token. */
const sentAsidePerTurn = 500

export class Claiming {
  readonly claimed: ClaimedJob[] = []
  /** What counts against the room: a group counts as its leader alone. */
  #taken = 0
  /** Whether something has come into the lines since the claiming began. */
  #brought = false
  #sentAside = 0
  /** How many members have been handed out with the jobs that waited for them. */
  #members = 0
  expired = 0
  readonly #step: Step
  readonly #incarnation: number
  /** Whether any rate is tight, any line has suspects, any queue is paused; in most stores none is. */
  #rated: boolean
  readonly #suspects: boolean
  readonly #paused: boolean

  constructor(step: Step, incarnation: number) {
    this.#step = step
    this.#incarnation = incarnation
    step.flushReady()
    step.flushLimits()
    const { rated, suspects, paused } = step.sql.unusual.get() as Record<'rated' | 'suspects' | 'paused', number>
    this.#rated = rated === 1
    this.#suspects = suspects === 1
    this.#paused = paused === 1
    if (this.#rated) step.sql.reopenLines.run(step.now)
  }

  /** True if there may be more to claim for this room. */
  claimFor({ queues, jobs, bottomUp }: Room): boolean {
    if (jobs <= 0) return false
    const open = openQueues(this.#step, queues, this.#paused)
    const all = this.#taken + jobs

    if (this.#suspects) this.#claimSuspect(open)
    for (const queue of open) this.#takeDownwards(queue, all - bottomUp)
    // Where the way down has found all there is, the way up finds nothing, unless something was brought meanwhile.
    if (this.#taken >= all - bottomUp || this.#brought) for (const queue of open) this.#takeUpwards(queue, all)
    return this.#taken === all || this.#isFull
  }

  /** A job that may be what kills its workers is held one at a time, so that it convicts itself alone. */
  #claimSuspect(queues: readonly number[]): void {
    const { sql } = this.#step
    for (const queue of queues) {
      if (!sql.hasReady.get(-queue)) continue
      if (sql.holdsSuspect.get(this.#incarnation)) return

      const rows = sql.claimableSuspects.all(-queue, 100) as ClaimRow[]
      const row = rows.find((each) => this.#hasToken(each))
      if (!row) continue
      sql.leaveReady.run(-queue, rankOf(row), row[1])
      return this.#claimOne(row)
    }
  }

  #hasToken(row: ClaimRow): boolean {
    const rate = tokenRate(this.#step, row)
    return rate === null || nextToken(this.#step, rate) <= this.#step.now
  }

  #takeDownwards(queue: number, end: number): void {
    for (let rank = 0; rank <= lowest && this.#hasRoom(end); rank++) {
      const next = this.#rated ? { rank } : (this.#step.sql.firstRank.get(queue, rank) as { rank: number } | undefined)
      if (!next) return
      rank = next.rank
      this.#take(queue, rank, end)
    }
  }

  #takeUpwards(queue: number, end: number): void {
    for (let rank = lowest; rank >= 0 && this.#hasRoom(end); rank--) {
      const next = this.#rated ? { rank } : (this.#step.sql.lastRank.get(queue, rank) as { rank: number } | undefined)
      if (!next) return
      rank = next.rank
      this.#take(queue, rank, end)
    }
  }

  #take(queue: number, rank: number, end: number): void {
    while (this.#hasRoom(end)) {
      const head = this.#rated ? this.#openHead(queue, rank) : undefined
      if (this.#takePlain(queue, rank, end, head?.head ?? Infinity)) continue
      if (head === undefined) return
      if (this.#hasRoom(end)) this.#takeThrottled(queue, rank, head.head, head.rate)
    }
  }

  /** True if it has brought others into the lines, which are to be looked at anew then. */
  #takePlain(queue: number, rank: number, end: number, before: number): boolean {
    while (this.#hasRoom(end)) {
      const wanted = end - this.#taken
      let rows = this.#step.sql.claimable.all(queue, rank, wanted) as ClaimRow[]
      if (before !== Infinity) rows = rows.filter(([, place]) => place < before)
      if (rows.length === 0) return false
      if (this.#rated && this.#sendAside(queue, rank, rows)) return true
      const leader = rows.findIndex((row) => flagsOf(row) & flag.gathers)
      if (leader !== -1) rows.length = leader + 1
      if (this.#expireOverdue(rows)) return true

      this.#claimRange(queue, rank, rows)
      if (leader !== -1) {
        this.#claimMembers(rows.at(-1)!)
        return true
      }
      if (rows.length < wanted) return false
    }
    return false
  }

  #claimRange(queue: number, rank: number, rows: readonly ClaimRow[]): void {
    const { sql, now } = this.#step
    const last = rows.at(-1)![1]
    const moved = sql.claimRange.run(this.#incarnation, this.#step.claim(), now, queue, rank, last).changes
    const left = sql.leaveRange.run(queue, rank, last).changes
    if (Number(moved) !== rows.length || Number(left) !== rows.length) {
      throw new Error(`The ready line of queue ${queue} has a job without a record. Run \`errand doctor\`.`)
    }
    this.#step.count(queue, ready, -rows.length)
    this.#step.count(queue, running, rows.length)
    for (const rate of recordStarts(this.#step, rows)) this.#step.countLined(rate, -1)
    const members = membersTogether(this.#step, rows)
    for (const row of rows) {
      const waited = flagsOf(row) & flag.members
      this.#handOut(row, waited ? { members: members?.get(row[0]), membersBefore: this.#members } : undefined)
    }
    this.#taken += rows.length
  }

  /** Jobs whose rate may have too few tokens for all. True if there were any. */
  #sendAside(queue: number, rank: number, rows: readonly ClaimRow[]): boolean {
    const step = this.#step
    const before = this.#sentAside
    for (const row of rows) {
      const rate = tokenRate(step, row)
      if (rate === null || !isTight(step, rate)) continue
      const [seq, place] = row
      step.sql.leaveReady.run(queue, rank, place)
      step.countLined(rate, -1)
      standThrottled(step, { seq, queue, rank, place }, rate)
      this.#sentAside++
    }
    return this.#sentAside > before
  }

  /** The first job of an open rate line with a token that may still be started. */
  #openHead(queue: number, rank: number): { rate: number; head: number } | undefined {
    const { sql, now } = this.#step
    for (;;) {
      const line = sql.openHead.get(queue, rank) as { rate: number; head: number } | undefined
      if (!line) return undefined

      const next = nextToken(this.#step, line.rate)
      if (next <= now) return line
      sql.closeLines.run(next, line.rate)
    }
  }

  #takeThrottled(queue: number, rank: number, place: number, rate: number): void {
    const row = this.#step.sql.claimableThrottled.get(rate, queue, rank, place) as ClaimRow
    if (this.#expireOverdue([row])) return

    leaveThrottled(this.#step, { queue, rank: rankOf(row), place, rate })
    this.#claimOne(row)
    if (flagsOf(row) & flag.gathers) this.#claimMembers(row)
  }

  #claimOne(row: ClaimRow): void {
    this.#start(row)
    recordStarts(this.#step, [row])
    this.#taken++
  }

  /** Out of no line, and without a token. */
  #start(row: ClaimRow, leader?: string): void {
    const [seq, place] = row
    this.#step.sql.claimOne.run(seq, this.#incarnation, this.#step.claim(), place, this.#step.now)
    this.#step.move(queueOf(row), 'ready', 'running')
    this.#handOut(row, { leader })
  }

  /** The others of its group, as far as one answer may grow; then it is looked whether the next one leads at once. */
  #claimMembers(row: ClaimRow): void {
    const step = this.#step
    const lane = raresOf(row)[1]!
    const leader = this.claimed.at(-1)!
    const { size } = groupById(step, lane)
    let bytes = 0
    for (let left = size - 1; left > 0 && !this.#isFull && bytes < bytesPerTransaction;) {
      const first = step.sql.firstGathered.get(-lane) as { rank: number; place: number } | undefined
      if (!first) break
      const member = step.sql.claimableGathered.get(-lane, first.rank, first.place) as ClaimRow
      if (this.#expireOverdue([member])) continue

      step.sql.leaveGathered.run(-lane, first.rank, first.place)
      step.sql.addStanding.run(-1, -lane)
      step.sql.addGrouped.run(member[0], idValue(leader.id))
      this.#start(member, leader.id)
      bytes += member[9].length
      left--
    }
    step.sql.setLeader.run(null, -lane)
    look(step, lane)
    this.#lookAnew()
  }

  /** An expiry lets others out of their lane, and a group its next leader. */
  #lookAnew(): void {
    const { sql } = this.#step
    this.#step.flushReady()
    this.#brought = true
    if (this.#rated) return
    this.#step.flushLimits()
    this.#rated = (sql.unusual.get() as { rated: number }).rated === 1
  }

  #hasRoom(end: number): boolean {
    return this.#taken < end && !this.#isFull
  }

  /** Groups must not make an answer larger than a turn may be, nor rates a turn longer than it may last. */
  get #isFull(): boolean {
    const isLarge = this.claimed.length >= jobsPerCall && this.claimed.length > this.#taken
    return isLarge || this.#sentAside >= sentAsidePerTurn
  }

  #handOut(row: ClaimRow, known?: Known): void {
    const step = this.#step
    // Whoever must not run twice must not be found unclaimed after a power cut.
    if (flagsOf(row) & flag.once) step.mustLast()
    if (flagsOf(row) & flag.keyWaiting) step.sql.freeKey.run(row[2], raresOf(row)[3], row[0])
    const job = claimedJob(step, row, step.claim(), step.now, known)
    this.claimed.push(job)
    if (job.members) this.#members += job.members.length
    if (step.events) step.tell('started', step.sql.jobBySeq.get(row[0]) as JobRow, 'running', job.attempt)
  }

  #expireOverdue(rows: readonly ClaimRow[]): boolean {
    const { now, sql } = this.#step
    const overdue = rows.filter((row) => row[7] !== null && (raresOf(row)[0] ?? never) <= now)
    for (const [seq] of overdue) {
      const job = sql.jobBySeq.get(seq) as JobRow
      leaveLine(this.#step, job)
      expire(this.#step, job, 'ready')
    }
    this.expired += overdue.length
    if (overdue.length > 0) this.#lookAnew()
    return overdue.length > 0
  }
}

/** The job has left its place. */
export function expire(step: Step, job: JobRow, from: 'scheduled' | 'blocked' | 'ready'): void {
  step.record(job.task, outcomes.indexOf('expired'), 0)
  end(step, job, from, { state: 'expired' })
}

export function openQueues(
  { names, sql }: Pick<Step, 'names' | 'sql'>,
  queues: readonly string[],
  anyPaused = true,
): number[] {
  return queues.flatMap((name) => {
    const queue = names.findQueue(name)
    return queue === undefined || (anyPaused && sql.isPaused.get(queue)) ? [] : queue
  })
}
