/**
 * Who waits for whom. An edge is open until its member is final; a waiter with no open
 * edge moves on. The end of a member is marked at once and spread in bounded portions,
 * first in, first out, so that no step has ten thousand waiters to move.
 */
import type { ClaimedJob, Dependencies, Member } from '../store.ts'
import { setState, type Cascade, type Data } from './data.ts'
import { claimedOf, settledOf, type Edge, type Entry } from './entry.ts'
import { finish, reopen } from './finish.ts'
import { lineUp, schedule, withdraw } from './lines.ts'

/** How many edges a step follows by itself; the rest is upkeep's. */
const spreadAtOnce = 500
const inlineBytes = 16 * 1024 * 1024
const membersPerPage = 500

/** Makes a new job wait. Returns the first member that cancels it at once, if one does. */
export function waitFor(data: Data, entry: Entry, { on, otherwise }: Dependencies): string | undefined {
  for (const id of new Set(on)) addEdge(entry, memberOf(data, id)!, otherwise)
  return cancellingMember(entry)
}

/** Makes a running job wait for jobs it has started, whatever becomes of them. Unknown ones are ignored. */
export function waitMore(data: Data, entry: Entry, on: readonly string[]): void {
  for (const id of new Set(on)) {
    const member = memberOf(data, id)
    if (!member || member === entry) continue

    const edge = entry.waitsFor.find((known) => known.member === member)
    if (edge) openAgain(edge, member)
    else addEdge(entry, member, 'run')
  }
}

/** Also one that was moved: those that wait for it follow it. */
export function memberOf(data: Data, id: string): Entry | undefined {
  return data.jobs.get(id) ?? data.moving.departed.get(id)?.entry
}

/** Lets a blocked job with nothing left to wait for go on: to its time, its lane or its line. */
export function moveOn(data: Data, entry: Entry): void {
  if (entry.state !== 'blocked' || entry.pending > 0 || entry.held) return

  if (entry.dueAt !== undefined && entry.dueAt > data.env.now()) return schedule(data, entry, entry.dueAt)
  lineUp(data, entry)
  data.news.tell('ready', entry)
}

export function markWaiters(data: Data, member: Entry, succeeded: boolean): void {
  for (const edge of member.waiters) if (edge.open) data.cascades.push({ kind: 'ended', edge, succeeded })
}

/** A final job goes on: those that were cancelled because of it wait for it again. */
export function markReopened(data: Data, member: Entry): void {
  for (const edge of member.waiters) data.cascades.push({ kind: 'reopened', edge, succeeded: false })
}

/** Follows at most `limit` edges that still lead somewhere. */
export function spread(data: Data, limit: number = spreadAtOnce): number {
  let followed = 0
  while (followed < limit) {
    const cascade = data.cascades.shift()
    if (!cascade) break
    if (follow(data, cascade)) followed++
  }
  return followed
}

/** A job that has run and is started again by hand, or whose time has come before, waits for nothing more. */
export function closeEdges(entry: Entry): void {
  for (const edge of entry.waitsFor) edge.open = false
  entry.pending = 0
}

/** A job that is erased waits for nobody; those that wait for it keep their edge. */
export function removeEdges(entry: Entry): void {
  for (const edge of entry.waitsFor) edge.member.waiters.delete(edge)
}

export function neededByOthers(entry: Entry): boolean {
  return entry.waiters.values().some(({ waiter }) => !waiter.final)
}

/** As it is handed to a worker, with what it waited for as far as that may come along. */
export function claimedWithMembers(entry: Entry): ClaimedJob {
  const claimed = claimedOf(entry)
  if (entry.waitsFor.length === 0) return claimed

  const members = membersOf(entry, 0)
  let bytes = 0
  const cut = members.findIndex((member) => (bytes += (member.result?.length ?? 0) + 100) > inlineBytes)
  return cut === -1 ? { ...claimed, members } : { ...claimed, members: members.slice(0, cut), moreMembers: true }
}

export function membersPage(data: Data, id: string, cursor?: string): { members: Member[]; cursor?: string } {
  const entry = data.jobs.get(id)
  const from = cursor === undefined ? 0 : Number(cursor)
  if (!entry) return { members: [] }

  const members = membersOf(entry, from).slice(0, membersPerPage)
  const last = members.at(-1)
  const more = last !== undefined && members.length === membersPerPage
  return more ? { members, cursor: String(last.index + 1) } : { members }
}

function membersOf(entry: Entry, from: number): Member[] {
  return entry.waitsFor
    .filter(({ member, index }) => index >= from && member.final && !member.erased)
    .map(({ member, index }) => ({ index, ...settledOf(member) }) as Member)
}

function addEdge(waiter: Entry, member: Entry, otherwise: Edge['otherwise']) {
  const index = (waiter.waitsFor.at(-1)?.index ?? -1) + 1
  addEdgeAt(waiter, member, { index, otherwise, open: canEnd(member) })
}

/** Of a job that was moved nobody here knows whether it has ended. */
export function canEnd(member: Entry): boolean {
  return member.departed || !member.final
}

export function addEdgeAt(waiter: Entry, member: Entry, about: Pick<Edge, 'index' | 'otherwise' | 'open'>): void {
  const edge: Edge = { waiter, member, ...about }
  waiter.waitsFor.push(edge)
  member.waiters.add(edge)
  if (edge.open) waiter.pending++
}

function openAgain(edge: Edge, member: Entry) {
  if (edge.open || !canEnd(member)) return
  edge.open = true
  edge.otherwise = 'run'
  edge.waiter.pending++
}

/**
 * False where it leads nowhere: since it was marked the member was retried, or has failed again, the waiter was removed, or
 * the edge counted.
 */
function follow(data: Data, { kind, edge, succeeded }: Cascade): boolean {
  const { member, waiter } = edge
  if (waiter.erased || waiter.leaving) return false
  if (kind === 'reopened') return (!member.final || member.state === 'succeeded') && blockAgain(data, edge)
  if (!member.final || !edge.open) return false

  edge.open = false
  edge.waiter.pending--
  // It may have been retried since, and have succeeded.
  settleEdge(data, edge, succeeded || member.state === 'succeeded')
  return true
}

function settleEdge(data: Data, { waiter, member, otherwise }: Edge, succeeded: boolean) {
  if (waiter.state === 'scheduled') return wake(data, waiter)
  if (waiter.state !== 'blocked') return
  if (succeeded || otherwise === 'run') moveOn(data, waiter)
  else finish(data, waiter, { state: 'cancelled', because: member.id })
}

/** One that waits for a time as well goes on before it. */
function wake(data: Data, waiter: Entry) {
  if (waiter.pending > 0) return
  withdraw(data, waiter)
  lineUp(data, waiter)
  data.news.tell('ready', waiter)
}

export function blockAgain(data: Data, { waiter, member }: Edge): boolean {
  if (waiter.state !== 'cancelled' || waiter.because !== member.id) return false

  const other = cancellingMember(waiter)
  if (other !== undefined) {
    waiter.because = other
    return true
  }
  reopen(data, waiter)
  setState(data, waiter, 'blocked')
  openEdges(waiter)
  data.news.tell('blocked', waiter)
  markReopened(data, waiter)
  // The member may have succeeded by now.
  moveOn(data, waiter)
  return true
}

/** It waits for all that have not ended. */
export function openEdges(waiter: Entry): void {
  for (const edge of waiter.waitsFor) edge.open = canEnd(edge.member)
  waiter.pending = waiter.waitsFor.filter(({ open }) => open).length
}

/** The first member whose end forbids this job to run. */
function cancellingMember(entry: Entry): string | undefined {
  return entry.waitsFor.find(
    ({ member, otherwise }) => otherwise === 'cancel' && !member.erased && member.final && member.state !== 'succeeded',
  )?.member.id
}
