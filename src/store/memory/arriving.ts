/** Arriving from another store: a job goes on exactly where it left off. */
import type { MovingJob, PlaceAnswer } from '../moving.ts'
import { queueOf, setState, type Data } from './data.ts'
import { addEdgeAt, blockAgain, canEnd, markWaiters, memberOf, moveOn, spread } from './dependencies.ts'
import { Entry } from './entry.ts'
import { finish, keep, watchExpiry } from './finish.ts'
import { keyName, liveKey } from './keys.ts'
import { groupOf } from './groups.ts'
import { countJob } from './limits.ts'
import { laneOf, lineUp, rateOf, schedule, takeSlot } from './lines.ts'
import { newJobOf } from './moving-job.ts'
import { addInOrder } from './order.ts'

export function place(data: Data, moving: MovingJob): PlaceAnswer {
  const { id, ticket, job } = moving
  const { arrived } = data.moving
  if (arrived.get(id)?.ticket === ticket) return 'placed'
  const there = data.jobs.get(id)
  if (there && (there.job.task !== job.task || there.input !== job.input)) return 'conflict'

  arrived.set(id, { ticket, at: data.env.now() })
  if (there) return 'there'

  const entry = add(data, moving)
  comeBack(data, entry)
  const forbidden = connect(data, entry, moving)
  goWhereItWas(data, entry, moving)
  if (forbidden !== undefined && entry.state === 'blocked') {
    finish(data, entry, { state: 'cancelled', because: forbidden })
  } else moveOn(data, entry)
  spread(data)
  return 'placed'
}

function add(data: Data, moving: MovingJob): Entry {
  const entry = new Entry(newJobOf(moving), ++data.sequence, moving.createdAt)
  data.jobs.set(entry.id, entry)
  addInOrder(data, entry)
  data.pruned.delete(entry.id)
  queueOf(data, entry.job.queue).states.blocked++

  const { attempts, crashes, dueAt, expiresAt, startedAt, finishedAt, cancelRequestedAt } = moving
  const { result, error, progress, because, history, log, steps } = moving
  Object.assign(entry, { attempts, crashes, dueAt, expiresAt, startedAt, finishedAt, cancelRequestedAt })
  Object.assign(entry, { result, error, progress, because })
  entry.history.push(...history)
  entry.log.push(...log)
  if (steps) entry.steps = new Map(Object.entries(steps))

  const { lane, rate } = entry.job
  if (lane && !groupOf(data, entry.job)) laneOf(data, lane)
  if (rate) rateOf(data, rate)
  countJob(data, entry, 1)
  if (moving.keepsSlot) takeSlot(data, entry)
  takeKeyAlong(data, moving, entry)
  return entry
}

/** A key that somebody holds here is lost on the way, never the job. */
function takeKeyAlong(data: Data, { unique }: MovingJob, { id, job }: Entry) {
  const name = keyName(job)
  if (name === undefined || !unique?.holds || liveKey(data, name)) return
  data.keys.set(name, { id, ...unique.holds })
}

/** Those that were waiting here when it left wait for it again. */
function comeBack(data: Data, entry: Entry) {
  const departed = data.moving.departed.get(entry.id)?.entry
  if (!departed) return

  data.moving.departed.delete(entry.id)
  for (const edge of departed.waiters) {
    edge.member = entry
    entry.waiters.add(edge)
  }
}

/** Answers the member that forbids it to run, if one does. */
function connect(data: Data, entry: Entry, { members }: MovingJob): string | undefined {
  let missing: string | undefined
  for (const { id, index, otherwise, open } of members) {
    const member = memberOf(data, id)
    if (member) addEdgeAt(entry, member, { index, otherwise, open: open && canEnd(member) })
    else if (open && otherwise === 'cancel') missing ??= id
  }
  const openOnes = new Set(members.filter(({ open }) => open).map(({ id }) => id))
  const ended = entry.waitsFor.find(
    ({ member, otherwise }) => openOnes.has(member.id) && otherwise === 'cancel' && endedBadly(member),
  )
  return ended?.member.id ?? missing
}

const endedBadly = (member: Entry) => member.final && !member.departed && member.state !== 'succeeded'

function goWhereItWas(data: Data, entry: Entry, moving: MovingJob) {
  const { state, dueAt } = moving
  if (state === 'scheduled' || state === 'blocked' || state === 'ready') watchExpiry(data, entry)
  if (state === 'ready' || hasEnoughWaited(entry, moving)) lineUp(data, entry)
  else if (state === 'scheduled') schedule(data, entry, dueAt!)
  else if (state !== 'blocked') return beFinal(data, entry, state)
  data.news.tell('enqueued', entry)
}

/** One that waited for others and for a time, if all the others have ended before it came. */
function hasEnoughWaited({ pending }: Entry, { state, members }: MovingJob): boolean {
  return state === 'scheduled' && pending === 0 && members.some(({ open }) => open)
}

function beFinal(data: Data, entry: Entry, state: Entry['state']) {
  setState(data, entry, state)
  keep(data, entry)
  markWaiters(data, entry, state === 'succeeded')
  data.news.final(entry.id)
  blockAgainIfRetried(data, entry)
}

/** While it was on its way, the member that had cancelled it may have been retried. */
function blockAgainIfRetried(data: Data, entry: Entry) {
  if (entry.state !== 'cancelled') return
  const edge = entry.waitsFor.find(({ member, otherwise }) => member.id === entry.because && otherwise === 'cancel')
  if (edge && !edge.member.erased && !endedBadly(edge.member)) blockAgain(data, edge)
}
