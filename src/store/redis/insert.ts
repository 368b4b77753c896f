/** Calls of insert as the scripts take them: the short way for plain jobs, the long one for all others. */
import type { InsertOutcome, NewJob } from '../store.ts'
import type { Argument } from './connection/connection.ts'
import type { Kinds } from './kinds.ts'
import { escape, packIds } from './text.ts'
import { extrasOf, featuresOf, isPlain, wantedOf } from './wanted.ts'

/** Jobs that one script numbers. */
const mostPlain = 9_999
const mostLines = 90

/** Undefined where something is not plain, or an id comes twice. */
export function plainArguments(jobs: readonly NewJob[], kinds: Kinds): Argument[] | undefined {
  if (jobs.length > mostPlain) return undefined
  const lines = new LinesOfCall()
  const ids: string[] = []
  let records = ''

  for (let index = 0; index < jobs.length; index++) {
    const job = jobs[index]!
    if (!isPlain(job)) return undefined
    const begin = lines.add(job, kinds.digestOf(job))
    ids.push(job.id)
    records += `${digitsOf(index)}${begin}${escape(job.input)}\n${extrasOf(job)}\0`
  }
  if (lines.names.length > mostLines || hasTwice(ids)) return undefined

  return [JSON.stringify([lines.names, [...lines.kinds]]), lines.text, ...packIds(ids), records]
}

/** Ids that Errand makes rise, and then none of them has to be remembered. */
function hasTwice(ids: readonly string[]): boolean {
  const rising = ids.every((id, index) => index === 0 || id > ids[index - 1]!)

  return !rising && new Set(ids).size < ids.length
}

const digits: string[] = []

/** The last digits of the number that a job gets: where it stands in its call. */
function digitsOf(index: number): string {
  return (digits[index] ??= String(index).padStart(4, '0'))
}

/** Jobs of a call by the line in which they come to stand. */
class LinesOfCall {
  readonly names: [queue: string, rank: number][] = []
  readonly kinds = new Set<string>()
  #text = ''
  /** What the latest job shares with those just before it, and how many they are. */
  #queue: string | undefined
  #rank: number | undefined
  #kind = ''
  #begin = ''
  #character = ''
  #alike = 0
  readonly #known = new Map<string, number>()

  /** A character per job: where its line stands among the names. */
  get text(): string {
    return this.#text + this.#character.repeat(this.#alike)
  }

  /** Answers how its record begins. */
  add({ queue, rank }: NewJob, kind: string): string {
    // Most jobs are like the one before.
    if (kind === this.#kind && rank === this.#rank && queue === this.#queue) {
      this.#alike++
      return this.#begin
    }
    this.#text = this.text
    this.#character = String.fromCharCode(33 + this.#indexOf(queue, rank))
    this.#alike = 1
    this.#queue = queue
    this.#rank = rank
    this.#kind = kind
    this.#begin = `${rank}-${kind}\n`
    this.kinds.add(kind)
    return this.#begin
  }

  #indexOf(queue: string, rank: number): number {
    const name = `${rank} ${queue}`
    const known = this.#known.get(name) ?? this.names.push([queue, rank]) - 1
    this.#known.set(name, known)
    return known
  }
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
      return { kind: 'refused', reason: said as 'conflict' | 'unknown' | 'taken' | 'stale', other }
  }
}
