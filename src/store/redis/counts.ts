/** Counters as they are kept, and as they are told. */
import { compareText } from '../../compare.ts'
import { jobStates, type JobState } from '../../job.ts'
import type { QueueCounts, StatRow } from '../store.ts'
import { stateOf } from './record.ts'
import { pairs } from './schedules.ts'

export function countsFrom(counts: readonly string[], queues: readonly string[]): QueueCounts[] {
  const paused = new Set(pairs(queues).flatMap(([field]) => (field[0] === 'p' ? field.slice(1) : [])))
  const byQueue = new Map<string, Record<JobState, number>>()
  for (const [field, count] of pairs(counts)) {
    const queue = field.slice(1)
    const states = byQueue.get(queue) ?? none()
    states[stateOf(field[0]!)] = Number(count)
    byQueue.set(queue, states)
  }
  return [...byQueue]
    .map(([queue, states]) => ({ queue, paused: paused.has(queue), states }))
    .toSorted((a, b) => compareText(a.queue, b.queue))
}

const none = () => Object.fromEntries(jobStates.map((state) => [state, 0])) as Record<JobState, number>

const outcomes: Readonly<Record<string, StatRow['outcome']>> = {
  s: 'succeeded',
  r: 'retry',
  f: 'failed',
  c: 'cancelled',
  w: 'wait',
  x: 'expired',
  k: 'rescued',
}

/** Fields: 'n' or 'r', a letter for the outcome, the task. */
export function statsFrom(minutes: readonly (readonly [string, readonly string[]])[]): StatRow[] {
  return minutes.flatMap(([minute, flat]) => {
    const fields = new Map(pairs(flat))
    const rows = [...fields].flatMap(([field, count]): StatRow[] => {
      if (field[0] !== 'n') return []
      const ranMs = Number(fields.get(`r${field.slice(1)}`) ?? 0)
      const [outcome, task] = [outcomes[field[1]!]!, field.slice(2)]
      return [{ at: Number(minute) * 60_000, task, outcome, count: Number(count), ranMs }]
    })
    return rows.toSorted((a, b) => compareText(a.task, b.task) || compareText(a.outcome, b.outcome))
  })
}
