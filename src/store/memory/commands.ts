/** What people ask of jobs: change, cancel, retry, remove, release. Each answers per job. */
import type { CancelAnswer, ChangeAnswer, Due, JobChange, ReleaseAnswer, RemoveAnswer, RetryAnswer } from '../store.ts'
import { momentOf, setState, type Data } from './data.ts'
import { closeEdges, markReopened, openEdges, spread } from './dependencies.ts'
import { end } from './ending.ts'
import type { Entry } from './entry.ts'
import { erase } from './erase.ts'
import { finish, reopen } from './finish.ts'
import { freeKey } from './keys.ts'
import { freeSlot, lineUp, restand, schedule, withdraw } from './lines.ts'
import { firstMoment, wakeIfSooner } from './soon.ts'

export function change(data: Data, id: string, { rank, due, input, version }: JobChange): ChangeAnswer {
  const entry = stayingJob(data, id)
  if (!entry) return 'unknown'
  if (!entry.waiting) return entry.final ? 'final' : 'running'

  if (input !== undefined) {
    entry.input = input
    entry.version = version
  }
  if (rank !== undefined) changeRank(data, entry, rank)
  if (due) changeDue(data, entry, due)
  data.news.tell('changed', entry)
  return 'changed'
}

export function cancel(data: Data, id: string): CancelAnswer {
  const entry = stayingJob(data, id)
  if (!entry) return 'unknown'
  if (entry.final) return 'final'
  if (entry.state === 'running') return requestCancel(data, entry)

  finish(data, entry, { state: 'cancelled' })
  spread(data)
  return 'cancelled'
}

export function retry(data: Data, id: string): RetryAnswer {
  const entry = stayingJob(data, id)
  if (!entry) return 'unknown'
  if (!entry.final) return 'not final'

  startAnew(data, entry)
  data.news.tell('retried', entry)
  markReopened(data, entry)
  spread(data)
  return 'retried'
}

export function remove(data: Data, id: string): RemoveAnswer {
  const entry = stayingJob(data, id)
  if (!entry) return 'unknown'
  if (entry.state === 'running') return 'running'

  if (!entry.final) finish(data, entry, { state: 'cancelled' })
  freeKey(data, entry)
  erase(data, entry)
  data.news.tell('removed', entry)
  data.news.final(id)
  spread(data)
  return 'removed'
}

export function release(data: Data, id: string, result: string | null): ReleaseAnswer {
  const entry = stayingJob(data, id)
  if (!entry) return 'unknown'
  if (entry.state !== 'blocked' || !entry.held) return 'not held'

  end(data, entry, { state: 'succeeded', result })
  spread(data)
  return 'released'
}

/** A job on its way to another store is as good as there. */
function stayingJob(data: Data, id: string): Entry | undefined {
  const entry = data.jobs.get(id)
  return entry?.leaving ? undefined : entry
}

function requestCancel(data: Data, entry: Entry): CancelAnswer {
  if (entry.cancelRequestedAt !== undefined) return 'cancelling'

  entry.cancelRequestedAt = data.env.now()
  const life = data.incarnations.get(entry.incarnation!)
  life?.cancels.push({ id: entry.id, claim: entry.claim })
  if (life) data.news.control(life.id)
  data.news.tell('cancelling', entry)
  return 'cancelling'
}

function changeRank(data: Data, entry: Entry, rank: Entry['rank']) {
  entry.rank = rank
  if (entry.standing) restand(data, entry)
}

function changeDue(data: Data, entry: Entry, due: Due) {
  const at = momentOf(data, due)
  const later = at > data.env.now()
  if (entry.state === 'blocked') {
    entry.dueAt = later ? at : undefined
    if (later) freeSlot(data, entry)
    return
  }

  if (entry.pending > 0) closeEdges(entry)
  if (later) {
    withdraw(data, entry)
    const known = firstMoment(data)
    schedule(data, entry, at)
    wakeIfSooner(data, entry, known)
    freeSlot(data, entry)
  } else if (entry.state === 'ready') {
    if (!entry.goesOn) entry.place = ++data.places
    restand(data, entry)
  } else {
    withdraw(data, entry)
    lineUp(data, entry)
  }
}

function startAnew(data: Data, entry: Entry) {
  const neverStarted = entry.startedAt === undefined
  reopen(data, entry)
  entry.attempts = 0
  entry.crashes = 0
  entry.goesOn = false
  entry.startedAt = undefined
  entry.progress = undefined
  if (entry.held) return setState(data, entry, 'blocked')

  if (neverStarted) openEdges(entry)
  else closeEdges(entry)
  if (entry.pending > 0) return setState(data, entry, 'blocked')
  lineUp(data, entry)
}
