/** Both ends of a move, and the schedules that go along. */
import type { Env } from '../../env.ts'
import { checkPlaced, checkSchedules } from '../checked-times.ts'
import type { MovingJob, MovingStore, MoveStatus, MoveTarget, MoveTicket, PlaceAnswer } from '../moving.ts'
import type { Inspection } from '../store.ts'
import type { Caller } from './caller.ts'
import type { Kinds } from './kinds.ts'
import { movingJob, placeArguments, readKinds, type HandedOut } from './moving-job.ts'
import { scheduleFrom } from './schedules.ts'

interface Parts {
  readonly caller: Caller
  readonly kinds: Kinds
  readonly env: Env
}

/** Jobs that one script places or drops: each costs about as much as one that is not plain. */
const mostAtOnce = 60

/** Resolves only when the replicas have it that the options ask for: what the other store does is built on it. */
const safely = { line: 'insert', acknowledge: true } as const

export function movingStore(parts: Parts): MovingStore {
  const { caller, kinds, env } = parts
  const call = <T>(what: string, ...args: (string | number)[]) => caller.call<T>('moving', [what, ...args], safely)
  const schedules = <T>(what: string, ...args: string[]) => caller.call<T>('moving-schedules', [what, ...args], safely)
  const tickets = async (what: string, taken: readonly MoveTicket[]) => {
    let done = 0
    for (const part of portions(taken)) {
      done += await call<number>(what, ...part.flatMap(({ id, ticket }) => [id, ticket]))
    }
    return done
  }

  return {
    status: async () => statusFrom(await call<StatusAnswer>('status', env.id())),
    begin: async ({ identity, name }) =>
      JSON.parse(await call<string>('begin', JSON.stringify({ identity, name }))) as MoveTarget,
    end: async () => {
      let answer: 'ended' | 'leaving' | 'more'
      do answer = await call('end')
      while (answer === 'more')
      return answer === 'ended'
    },
    take: async ({ jobs, bytes }, cursor = '') => {
      type Page = [handedOut: HandedOut[], cursor: string]
      const [handedOut, next] = await caller.call<Page>('moving-take', [jobs, bytes, env.id(), cursor], safely)
      return { jobs: await jobsFrom(kinds, handedOut), ...(next !== '' && { cursor: next }) }
    },
    leaving: async ({ jobs, bytes }) => jobsFrom(kinds, await call<HandedOut[]>('leaving', jobs, bytes)),
    place: async (jobs) => {
      checkPlaced(jobs)
      const answers: PlaceAnswer[] = []
      for (const part of portions(jobs)) answers.push(...(await place(parts, part)))
      return answers
    },
    drop: (taken) => tickets('drop', taken),
    stay: (taken) => tickets('stay', taken),
    takeSchedules: async () => (await schedules<[string, string][]>('take')).map(scheduleFrom),
    placeSchedules: async (brought) => {
      checkSchedules(brought)
      await schedules('place', JSON.stringify(brought))
    },
    dropSchedules: async (names) => void (await schedules('drop', JSON.stringify(names))),
  }
}

/** A mover that was killed leaves jobs which nobody can claim until it is started again. */
export async function movingInspection(caller: Caller): Promise<Inspection[]> {
  const { leaving, to } = statusFrom(await caller.call<StatusAnswer>('moving', ['status', '']))
  if (leaving === 0) return []
  const detail = `${leaving} jobs are on their way to ${to?.name ?? 'another store'} and wait for the mover.`
  return [{ subject: 'moving', verdict: 'warning', detail }]
}

type StatusAnswer = readonly [identity: string, to: string, leaving: number]

function statusFrom([identity, to, leaving]: StatusAnswer): MoveStatus {
  return { identity, ...(to !== '' && { to: JSON.parse(to) as MoveTarget }), leaving }
}

async function jobsFrom(kinds: Kinds, handedOut: readonly HandedOut[]): Promise<MovingJob[]> {
  await readKinds(kinds, handedOut)
  return handedOut.map((each) => movingJob(kinds, each))
}

async function place(parts: Parts, jobs: readonly MovingJob[]): Promise<PlaceAnswer[]> {
  const { caller, kinds } = parts
  const args = await kinds.withDigests(() => jobs.flatMap((job) => placeArguments(job, kinds)))
  const answer = await caller.call<PlaceAnswer[] | 'kinds'>('moving-place', args, safely)
  if (answer !== 'kinds') return answer
  // The server has been emptied since.
  kinds.forget()
  return place(parts, jobs)
}

function* portions<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < all.length; from += mostAtOnce) yield all.slice(from, from + mostAtOnce)
}
