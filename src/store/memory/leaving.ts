/**
 * Leaving for another store. A taken job keeps its state and gives up its place, so that nothing finds it;
 * dropped, it stays behind as a name for those that wait for it.
 */
import type { JobState } from '../../job.ts'
import { MovePage } from '../move-page.ts'
import { movesMs } from '../rules.ts'
import type { MoveRoom, MoveTicket, MovingJob } from '../moving.ts'
import type { Data } from './data.ts'
import { removeEdges } from './dependencies.ts'
import { erase } from './erase.ts'
import { dropRetention, suspendExpiry, watchExpiry } from './finish.ts'
import { freeKeyAtEnd } from './keys.ts'
import { freeSlot, hasSlot, lineUpAgain, parkAgain, schedule, takeSlot, withdraw } from './lines.ts'
import type { Edge, Entry } from './entry.ts'
import { movingJob } from './moving-job.ts'

export function take(data: Data, room: MoveRoom, cursor?: string): { jobs: MovingJob[]; cursor?: string } {
  if (cursor === undefined) dropAside(data)

  const page = new MovePage(room)
  const ticket = data.env.id()
  for (const entry of inOrderOfLeaving(data)) {
    if (page.full) break
    takeAfterMembers(data, page, entry, ticket)
  }
  return page.full ? { jobs: page.jobs, cursor: 'more' } : { jobs: page.jobs }
}

export function leaving(data: Data, room: MoveRoom): MovingJob[] {
  const page = new MovePage(room)
  for (const entry of data.moving.leaving.values()) {
    if (page.full) break
    if (!entry.leaving!.aside) page.add(movingJob(data, entry))
  }
  return page.jobs
}

/** False if it is not leaving under this ticket. */
export function drop(data: Data, taken: MoveTicket): boolean {
  const entry = underTicket(data, taken)
  if (!entry) return false

  if (neededHere(entry)) entry.leaving!.aside = true
  else depart(data, entry)
  return true
}

/** Back to where it stood. False if it is not leaving under this ticket. */
export function stay(data: Data, taken: MoveTicket): boolean {
  const entry = underTicket(data, taken)
  if (!entry) return false

  data.moving.leaving.delete(entry.id)
  if (entry.leaving!.keepsSlot) takeSlot(data, entry)
  entry.leaving = undefined
  if (entry.state === 'scheduled') schedule(data, entry, entry.dueAt!)
  else if (entry.state === 'ready' && entry.job.lane) parkAgain(data, entry)
  else if (entry.state === 'ready') lineUpAgain(data, entry)
  else if (entry.final) entry.retention = data.retention.add(entry, entry.keptUntil, ++data.endings)
  if (entry.waiting) watchExpiry(data, entry)
  return true
}

export function forgetMoves({ env, moving }: Data): void {
  const before = env.now() - movesMs
  for (const known of [moving.departed, moving.arrived]) {
    for (const [id, { at }] of known) if (at <= before) known.delete(id)
  }
}

/** Its members first, and theirs before them, however long the chain; up to one that stays. */
function takeAfterMembers(data: Data, page: MovePage, entry: Entry, ticket: string) {
  const path = [entry]
  while (path.length > 0 && !page.full) {
    const last = path.at(-1)!
    if (!mayLeave(last)) return

    const staying = last.waitsFor.filter(({ member }) => !isAhead(member, ticket))
    const next = staying.find(({ member }) => !path.includes(member))?.member
    if (next) {
      path.push(next)
      continue
    }
    const first = firstOf(last, staying)
    if (!first) return
    markLeaving(data, first, ticket)
    page.add(movingJob(data, first))
    path.splice(path.indexOf(first))
  }
}

/** Without members left it is the job itself. In a circle it is one that needs nothing more of the others, if any. */
function firstOf(last: Entry, staying: readonly Edge[]): Entry | undefined {
  if (last.final || staying.length === 0) return last
  const ended = staying.find(({ member }) => member.final)?.member
  return ended ?? (staying.some(({ open }) => open) ? undefined : last)
}

/** It has arrived, or will be placed before those that are taken after it. */
function isAhead({ erased, leaving: taken }: Entry, ticket: string): boolean {
  return erased || (taken !== undefined && (taken.aside || taken.ticket === ticket))
}

/** The end of a final job must have been told here, where its waiters are. */
function mayLeave(entry: Entry): boolean {
  if (entry.erased || entry.leaving || entry.state === 'running') return false
  return !entry.final || !entry.waiters.values().some(({ open }) => open)
}

function markLeaving(data: Data, entry: Entry, ticket: string) {
  const keepsSlot = keptSlot(data, entry)
  withdraw(data, entry)
  suspendExpiry(data, entry)
  dropRetention(data, entry)
  freeSlot(data, entry)
  entry.leaving = { ticket, aside: false, keepsSlot }
  data.moving.leaving.set(entry.id, entry)
}

const order: readonly JobState[] = ['ready', 'scheduled', 'blocked', 'succeeded', 'failed', 'cancelled', 'expired']

function inOrderOfLeaving(data: Data): Entry[] {
  const place = (entry: Entry): number[] => {
    const part = Math.min(order.indexOf(entry.state), 3)
    // Where they arrive they must hold their lane before others come into it.
    if (keptSlot(data, entry)) return [-1, entry.seq, 0]
    if (entry.state === 'ready') return [part, entry.job.lane?.ordered ? -1 : entry.rank, entry.place]
    return entry.state === 'scheduled' ? [part, entry.dueAt!, entry.seq] : [part, entry.seq, 0]
  }
  return [...data.jobs.values()]
    .filter(({ state, leaving: taken }) => state !== 'running' && !taken)
    .map((entry) => ({ entry, at: place(entry) }))
    .toSorted(({ at: a }, { at: b }) => a[0]! - b[0]! || a[1]! - b[1]! || a[2]! - b[2]!)
    .map(({ entry }) => entry)
}

function keptSlot(data: Data, entry: Entry): boolean {
  return (entry.state === 'scheduled' || entry.state === 'blocked') && hasSlot(data, entry)
}

function underTicket(data: Data, { id, ticket }: MoveTicket): Entry | undefined {
  const entry = data.moving.leaving.get(id)
  return entry?.leaving!.ticket === ticket ? entry : undefined
}

/** A job that may still be claimed here reads what it waited for. */
function neededHere(entry: Entry): boolean {
  return entry.final && entry.waiters.values().some(({ waiter }) => !waiter.final && !waiter.leaving)
}

function dropAside(data: Data) {
  for (const entry of data.moving.leaving.values()) if (entry.leaving!.aside && !neededHere(entry)) depart(data, entry)
}

function depart(data: Data, entry: Entry) {
  data.moving.leaving.delete(entry.id)
  data.moving.departed.set(entry.id, { entry, at: data.env.now() })
  entry.departed = true
  entry.leaving = undefined
  freeKeyAtEnd(data, entry)
  removeEdges(entry)
  erase(data, entry)
  data.news.tell('removed', entry)
  data.news.final(entry.id)
}
