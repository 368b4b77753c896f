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
  const places = new Places()
  const numbers = new Set<string>()
  const ids = new Set<string>()
  const parts: string[] = []

  for (const [index, job] of jobs.entries()) {
    if (!isPlain(job)) return undefined
    const kind = kinds.numberOf(job)
    ids.add(job.id)
    numbers.add(kind)
    places.add(job)
    parts.push(job.id, `${numbered(index)}${job.rank}-${kind}\n${escape(job.input)}\n${extrasOf(job)}`)
  }
  if (ids.size < jobs.length || places.names.length > mostGroups) return undefined

  return [JSON.stringify([places.names, [...numbers]]), places.text, ...pack(parts, [...ids])]
}

/** In which line each job of a call comes to stand. */
class Places {
  readonly names: [queue: string, rank: number][] = []
  /** A character per job: where its line stands among the names. */
  text = ''
  readonly #known = new Map<string, number>()
  #latest = 0

  add({ queue, rank }: NewJob): void {
    const [latestQueue, latestRank] = this.names[this.#latest] ?? []
    // Most jobs are like the one before.
    if (queue !== latestQueue || rank !== latestRank) this.#latest = this.#indexOf(queue, rank)
    this.text += String.fromCharCode(33 + this.#latest)
  }

  #indexOf(queue: string, rank: number): number {
    const name = rank + queue
    const known = this.#known.get(name) ?? this.names.push([queue, rank]) - 1
    this.#known.set(name, known)
    return known
  }
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
