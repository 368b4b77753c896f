/** Calls of insert as the scripts take them: the short way for plain jobs, the long one for all others. */
import type { InsertOutcome, NewJob } from '../store.ts'
import type { Argument } from './connection/connection.ts'
import type { Kinds } from './kinds.ts'
import { escape, pack } from './text.ts'
import { extrasOf, featuresOf, isPlain, wantedOf } from './wanted.ts'

/** Jobs that one script numbers. */
const mostPlain = 9_999
const mostGroups = 90

/** Undefined where something is not plain, or an id comes twice. */
export function plainArguments(jobs: readonly NewJob[], kinds: Kinds): Argument[] | undefined {
  if (jobs.length > mostPlain) return undefined
  const groups = new Map<string, number>()
  const names: [queue: string, rank: number][] = []
  const numbers = new Set<string>()
  const ids = new Set<string>()
  const parts: string[] = []
  let places = ''
  let group = 0
  let before: NewJob | undefined

  for (const [index, job] of jobs.entries()) {
    if (!isPlain(job)) return undefined
    ids.add(job.id)
    if (job.queue !== before?.queue || job.rank !== before.rank) {
      const name = job.rank + job.queue
      const known = groups.get(name)
      group = known ?? names.length
      if (known === undefined) {
        groups.set(name, group)
        names.push([job.queue, job.rank])
      }
    }
    before = job
    places += String.fromCharCode(33 + group)
    const kind = kinds.numberOf(job)
    numbers.add(kind)
    parts.push(job.id, `${numbered(index)}${job.rank}-${kind}\n${escape(job.input)}\n${extrasOf(job)}`)
  }
  if (ids.size < jobs.length || names.length > mostGroups) return undefined

  return [JSON.stringify([names, [...numbers]]), places, ...pack(parts, [...ids])]
}

/** The last digits of a job's number: where it stands in its call. */
function numbered(index: number): string {
  return index < 10 ? `000${index}` : index < 100 ? `00${index}` : index < 1_000 ? `0${index}` : `${index}`
}

export function fullArguments(calls: readonly (readonly NewJob[])[], kinds: Kinds): Argument[] {
  const args: Argument[] = [JSON.stringify(calls.map(({ length }) => length))]
  for (const job of calls.flat()) {
    const { id, rank, kind, input, extras } = wantedOf(job, kinds)
    const features = featuresOf(job, kinds)
    args.push(id, rank, kind, input, extras, features ? JSON.stringify(features) : '')
  }
  return args
}

export function outcomesFrom(flat: readonly string[]): InsertOutcome[] {
  const outcomes: InsertOutcome[] = []
  for (let index = 0; index < flat.length; index += 2) outcomes.push(outcomeFrom(flat[index]!, flat[index + 1]!))
  return outcomes
}

function outcomeFrom(said: string, other: string): InsertOutcome {
  switch (said) {
    case 'inserted':
    case 'exists':
      return { kind: said }
    case 'kept':
    case 'replaced':
      return { kind: said, other }
    case 'companion':
      return { kind: 'refused', reason: said }
    default:
      return { kind: 'refused', reason: said as 'conflict' | 'unknown', other }
  }
}
