/**
 * Telling waiters that members have ended: all that ended in a step in a few statements, in the order of the ends.
 *
 * It is bounded: what does not fit in a step is left in `releasing` for the next ones. An edge is closed when it has
 * been counted, so nothing is counted twice however often a step begins anew.
 */
import { end } from './ending.ts'
import { stateCode, type JobRow } from './job-row.ts'
import { blockRestAgain, blockWaitersAgain } from './reopening.ts'
import type { Removed, Step } from './step.ts'
import { unblock, wake } from './waiting.ts'
import { leavePlace, whereIs } from './where.ts'

/** How much of telling a step does by itself; the rest is for later ones. */
export const spreadPerStep = 1_000
/** What it counts for that a waiter is told, or cancelled, which is more work. */
const weight = { told: 1, cancelled: 2 }

type EdgeRow = readonly [at: number, waiter: number, position: number, runs: number, state: number | null]
/** `line`: where it goes if it is plain. */
type WaiterRow = [seq: number, pending: number, held: number, line: number | null]

/** Commands come by the hundred: all of one step share what a step may tell. */
export function spreadCommand(step: Step): void {
  step.spreadByCommands += spread(step, spreadPerStep - step.spreadByCommands)
}

/** Tells the waiters of all that ended in this step, or goes on after all, and of what ends by that, up to a limit. */
export function spread(step: Step, limit: number): number {
  const { telling, reopening, sql } = step
  if (telling.length === 0 && reopening.length === 0) return 0
  if (!sql.anyEdge.get()) telling.length = reopening.length = 0

  let told = blockWaitersAgain(step, limit)
  while (telling.length > 0) {
    const members = telling.splice(0)
    if (told < limit) told += tell(step, members, fromStart, limit - told)
    else release(step, members)
  }
  return told
}

/** Goes on where earlier steps left off. */
export function spreadRest(step: Step, limit: number): number {
  let told = blockRestAgain(step, limit)
  while (told < limit && !step.leftReleasing) {
    const left = step.sql.firstReleasing.all(limit - told) as unknown as Releasing[]
    if (left.length === 0) break

    const next = left[0]!.after === fromStart ? beginning(left) : left.slice(0, 1)
    const members = next.map(({ member }) => member)
    const removed = removedOf(next)
    for (const [member, was] of removed) step.removed.set(member, was)
    step.sql.deleteReleasing.run(JSON.stringify(members))
    told += tell(step, finalOnes(step, members), next[0]!.after, limit - told)
    for (const [member, { id, state }] of removed) step.sql.nameReleasing.run(id, state, member)
    told += spread(step, limit - told)
  }
  return told
}

interface Releasing {
  readonly member: number
  /** The edge that was told last. */
  readonly after: number
  /** Of one that was removed since. */
  readonly id: Uint8Array | string | null
  readonly state: number | null
}

const removedOf = (left: readonly Releasing[]): [number, Removed][] =>
  left.flatMap(({ member, id, state }) => (id === null ? [] : [[member, { id, state: state! }]]))

/** Before any edge. */
const fromStart = -1

function beginning(left: readonly Releasing[]): readonly Releasing[] {
  const end = left.findIndex(({ after }) => after !== fromStart)
  return end === -1 ? left : left.slice(0, end)
}

/** They may have been retried since. */
const finalOnes = ({ sql, removed }: Step, members: readonly number[]) =>
  members.filter((member) => removed.has(member) || sql.getFinal.get(member))

/** Answers how much of the limit it has used. `after`: of a single member, the edge that was told last. */
function tell(step: Step, members: readonly number[], after: number, limit: number): number {
  const edges = openEdges(step, members, after, limit)
  if (edges.length === 0) return 0
  const round = new Round(step, members, edges)
  const told = round.run(limit)
  closeEdges(step, members, edges, { after, next: round.next })
  return told
}

/** One more than may be told, if there are so many. */
function openEdges({ sql }: Step, members: readonly number[], after: number, limit: number): EdgeRow[] {
  if (after === fromStart) return sql.openEdges.all(JSON.stringify(members), limit + 1) as EdgeRow[]
  return members.length > 0 ? (sql.openEdgesAfter.all(members[0]!, after, limit + 1) as EdgeRow[]) : []
}

/** Those before `next` have been told; the others are left for later. */
function closeEdges(
  step: Step,
  members: readonly number[],
  edges: readonly EdgeRow[],
  { after, next }: { readonly after: number; readonly next: number },
): void {
  const { sql } = step
  const first = edges[next]?.[0] ?? members.length
  const whole = new Set(edges.slice(0, next).map(([at]) => at))
  const isCut = whole.delete(first)
  if (whole.size > 0) sql.closeEdgesTo.run(JSON.stringify([...whole].map((at) => members[at])))
  if (isCut) {
    const [, waiter, position] = edges[next - 1]!
    sql.closeEdgesUpTo.run(members[first]!, after, waiter, position)
    sql.goOnReleasing.run(members[first]!, waiter, position)
  }
  if (first < members.length) release(step, members.slice(isCut ? first + 1 : first))
}

function release(step: Step, members: readonly number[]): void {
  step.leftReleasing = true
  step.sql.addReleasing.run(JSON.stringify(members))
}

/** Those that go on at once, with places that follow one another. */
interface Stretch {
  readonly place: number
  readonly seqs: number[]
}

class Round {
  /** The first edge that has not been told. */
  next = 0
  readonly #step: Step
  readonly #members: readonly number[]
  readonly #edges: readonly EdgeRow[]
  readonly #waiters: Map<number, WaiterRow>
  readonly #told = new Set<WaiterRow>()
  readonly #plain: Stretch[] = []

  constructor(step: Step, members: readonly number[], edges: readonly EdgeRow[]) {
    this.#step = step
    this.#members = members
    this.#edges = edges
    const waiters = new Set(edges.map(([, waiter]) => waiter))
    const seqs = JSON.stringify([...waiters])
    this.#waiters = new Map((step.sql.blockedWaiters.all(seqs) as WaiterRow[]).map((row) => [row[0], row]))
    if (this.#waiters.size === waiters.size) return
    for (const row of step.sql.scheduledWaiters.all(seqs) as WaiterRow[]) this.#waiters.set(row[0], row)
  }

  run(limit: number): number {
    let told = 0
    for (; this.next < this.#edges.length; this.next++) {
      const edge = this.#edges[this.next]!
      const state = edge[4] ?? this.#step.removed.get(this.#members[edge[0]]!)?.state
      const forbids = state !== stateCode.succeeded && edge[3] === 0
      const counts = forbids ? weight.cancelled : weight.told
      if (told > 0 && told + counts > limit) break
      told += counts
      const waiter = this.#waiters.get(edge[1])
      if (waiter) this.#tellWaiter(waiter, edge, forbids)
    }
    this.#write()
    return told
  }

  #tellWaiter(waiter: WaiterRow, [at, seq]: EdgeRow, forbids: boolean): void {
    const pending = --waiter[1]
    if (!forbids && (pending > 0 || waiter[2])) {
      this.#told.add(waiter)
      return
    }
    this.#waiters.delete(seq)
    this.#told.delete(waiter)
    if (forbids) this.#cancel(seq, this.#members[at]!)
    else if (waiter[3] !== null) this.#unblockPlainly(seq, waiter[3])
    else this.#unblock(seq)
  }

  #cancel(seq: number, member: number): void {
    const step = this.#step
    const job = step.sql.jobBySeq.get(seq) as JobRow
    const where = whereIs(step, job)
    leavePlace(step, job, where)
    const { id: because } = step.removed.get(member) ?? (step.sql.idOfSeq.get(member) as { id: Uint8Array | string })
    end(step, job, 'blocked', { state: 'cancelled', because, due: where.state === 'blocked' ? where.due : null })
  }

  #unblock(seq: number): void {
    const { sql } = this.#step
    const job = sql.jobBySeq.get(seq) as JobRow
    const blocked = sql.getBlocked.get(seq) as { due: number | null; slot: number } | undefined
    if (blocked) return unblock(this.#step, job, blocked.due, blocked.slot === 1)
    const { slot } = sql.getDelayed.get(seq) as { slot: number }
    wake(this.#step, job, slot === 1)
  }

  #unblockPlainly(seq: number, line: number): void {
    const step = this.#step
    const queue = line >> 2
    const place = step.nextSeq()
    const stretch = this.#plain.at(-1)
    if (stretch && stretch.place + stretch.seqs.length === place) stretch.seqs.push(seq)
    else this.#plain.push({ place, seqs: [seq] })
    step.move(queue, 'blocked', 'ready')
    step.wokenQueues.add(queue)
    if (step.events) step.tell('ready', step.sql.jobBySeq.get(seq) as JobRow, 'ready', 0)
  }

  #write(): void {
    const { sql } = this.#step
    for (const [seq, pending] of this.#told) sql.setPending.run(pending, seq)
    for (const { place, seqs } of this.#plain) {
      const together = JSON.stringify(seqs)
      sql.standTogether.run(place, together)
      sql.placeTogether.run(place, together)
      sql.leaveBlockedTogether.run(together)
    }
  }
}
