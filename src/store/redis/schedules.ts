/** Schedules as the Redis engine keeps them: JSON by name, and the times of those that fire in order. */
import { checkTicks } from '../checked-times.ts'
import type { ScheduleRecord, ScheduleStore, Tick, TickAnswer } from '../store.ts'
import type { Caller } from './caller.ts'
import type { CallOptions } from './connection/connection.ts'
import type { Kinds } from './kinds.ts'
import { wantedOf } from './wanted.ts'

type Kept = Omit<ScheduleRecord, 'name' | 'paused'> & { readonly paused?: boolean }

export function scheduleStore(caller: Caller, kinds: Kinds): ScheduleStore {
  const call = <T>(what: string, given?: unknown, options?: CallOptions) =>
    caller.call<T>(
      what === 'fire' ? 'schedules-fire' : 'schedules',
      [what, ...(given === undefined ? [] : [JSON.stringify(given)])],
      options,
    )

  return {
    put: async (schedules) => void (await call('put', schedules)),
    pause: async (name, paused) => (await call<number[]>('pause', [{ name, paused }]))[0] === 1,
    remove: async (names) => (await call<number[]>('remove', names)).filter((removed) => removed === 1).length,
    get: async (names) => {
      if (names.length === 0) return []
      const texts = await call<(string | null)[]>('get', names, { repeat: true })
      return texts.map((text, at) => (text === null ? undefined : scheduleFrom([names[at]!, text])))
    },
    list: async (cursor = '0') => {
      const [next, flat] = await call<[string, string[]]>('list', cursor, { repeat: true })
      return { schedules: pairs(flat).map(scheduleFrom), ...(next !== '0' && { cursor: next }) }
    },
    due: async (limit) => {
      type Answer = [rows: [string, string][], next: string, now: string, life: string]
      const [rows, next, now, life] = await call<Answer>('due', limit, { repeat: true })
      return { now: Number(now), due: rows.map(scheduleFrom), ...(next !== '' && { nextDueMs: Number(next) }), life }
    },
    fire,
  }

  async function fire(ticks: readonly Tick[]): Promise<TickAnswer[]> {
    checkTicks(ticks)
    const wanted = await kinds.withDigests(() =>
      ticks.map(({ job, ...tick }) => ({ ...tick, ...(job && { job: wantedOf(job, kinds) }) })),
    )
    const answer = await call<TickAnswer[] | 'kinds'>('fire', wanted, { acknowledge: true })
    if (answer !== 'kinds') return answer
    // The server has lost its data since.
    kinds.forget()
    return fire(ticks)
  }
}

export function scheduleFrom([name, text]: readonly [string, string]): ScheduleRecord {
  const { rule, nextAt, paused = false, lastJob, declaredAt } = JSON.parse(text) as Kept
  return { name, rule, nextAt, paused, ...(lastJob !== undefined && { lastJob }), declaredAt }
}

/** Names and values in turn. */
export function pairs(flat: readonly string[]): [string, string][] {
  const found: [string, string][] = []
  for (let index = 0; index < flat.length; index += 2) found.push([flat[index]!, flat[index + 1]!])
  return found
}
