/** Calls of insert as the scripts take them: the short way for plain jobs, the long one for all others. */
import type { InsertOutcome, NewJob } from '../store.ts'
import type { Argument } from './connection/connection.ts'
import type { Kinds } from './kinds.ts'
import { escape, join, packIds } from './text.ts'
import { extrasOf, featuresOf, isPlain, wantedOf } from './wanted.ts'

/** Jobs that one script numbers. */
const mostPlain = 9_999
const mostGroups = 90

/** Undefined where something is not plain, or an id comes twice. */
export function plainArguments(jobs: readonly NewJob[], kinds: Kinds): Argument[] | undefined {
  if (jobs.length > mostPlain) return undefined
  const groups = new Groups()
  const ids: string[] = []
  const inputs: string[] = []
  const extras: string[] = []
  let bare = true

  for (const job of jobs) {
    if (!isPlain(job)) return undefined
    const more = extrasOf(job)
    if (more !== '') bare = false
    groups.add(job, kinds.digestOf(job))
    ids.push(job.id)
    inputs.push(escape(job.input))
    extras.push(more)
  }
  if (groups.names.length > mostGroups || hasTwice(ids)) return undefined

  const bodies = bare ? inputs : inputs.map((input, index) => `${input}\n${extras[index]!}`)
  const named = JSON.stringify([groups.names, [...groups.kinds]])
  return [named, groups.text, ...packIds(ids), join(bodies), bare ? '\n' : '', digitsFor(jobs.length)]
}

/** Ids that Errand makes rise, and then none of them has to be remembered. */
function hasTwice(ids: readonly string[]): boolean {
  const rising = ids.every((id, index) => index === 0 || id > ids[index - 1]!)

  return !rising && new Set(ids).size < ids.length
}

let digits = ''

/** The last digits of the numbers that jobs get: where they stand in their call. */
function digitsFor(jobs: number): string {
  for (let index = digits.length / 4; index < jobs; index++) digits += String(index).padStart(4, '0')
  return digits.slice(0, jobs * 4)
}

/** Jobs of a call by what their records begin with and in which line they come to stand. */
class Groups {
  readonly names: [queue: string, rank: number, kind: string][] = []
  readonly kinds = new Set<string>()
  #text = ''
  /** What the latest job shares with those just before it, and how many they are. */
  #queue: string | undefined
  #rank: number | undefined
  #kind = ''
  #character = ''
  #alike = 0
  readonly #known = new Map<string, number>()

  /** A character per job: where its group stands among the names. */
  get text(): string {
    return this.#text + this.#character.repeat(this.#alike)
  }

  add({ queue, rank }: NewJob, kind: string): void {
    // Most jobs are like the one before.
    if (kind === this.#kind && rank === this.#rank && queue === this.#queue) {
      this.#alike++
      return
    }
    this.#text = this.text
    this.#character = String.fromCharCode(33 + this.#indexOf(queue, rank, kind))
    this.#alike = 1
    this.#queue = queue
    this.#rank = rank
    this.#kind = kind
    this.kinds.add(kind)
  }

  #indexOf(queue: string, rank: number, kind: string): number {
    const name = `${rank} ${kind}`
    const known = this.#known.get(name) ?? this.names.push([queue, rank, kind]) - 1
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
      return { kind: 'refused', reason: said as 'conflict' | 'unknown' | 'taken', other }
  }
}
