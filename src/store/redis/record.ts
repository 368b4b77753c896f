/** Records of jobs, as the store keeps them (docs/design/redis.md), read into what the contract tells of them. */
import type { FinalState, JobError, JobState, Progress, Rank } from '../../job.ts'
import type { ClaimedJob, JobRecord, Member, SettledJob } from '../store.ts'
import type { Kind, Kinds } from './kinds.ts'
import { escape, unescape } from './text.ts'
import type { Extras } from './wanted.ts'

const states: Readonly<Record<string, JobState>> = {
  d: 'scheduled',
  b: 'blocked',
  r: 'ready',
  u: 'running',
  s: 'succeeded',
  f: 'failed',
  c: 'cancelled',
  x: 'expired',
}

/** What changes in a job's life, under the short names that the scripts use. */
export interface Features {
  readonly a?: number
  readonly c?: number
  readonly st?: number
  readonly fi?: number
  readonly cr?: number
  readonly du?: string
  readonly ex?: string
  readonly u?: { readonly k: string }
  readonly h?: number
  readonly b?: string
  readonly e?: string
  readonly p?: string
  readonly pn?: number
  /** Of the input it was changed to; -1 for none. */
  readonly v?: number
  /** How many jobs it has waited for, where it has for any. */
  readonly w?: number
}

export interface Parsed {
  readonly kind: Kind
  readonly input: string
  readonly extras: Extras
  readonly features: Features
  readonly result?: string | null
}

const noExtras: Extras = {}
const noFeatures: Features = {}
const hasWaited: Features = { w: 1 }

/** A plain job that has ended has its end in its tail, and the letter it began with. */
export function letterOf(raw: string): string {
  const plainEnd =
    raw.charCodeAt(30) === 45 && raw.indexOf('\n', raw.indexOf('\n', raw.indexOf('\n', 31) + 1) + 1) !== -1
  return plainEnd ? 's' : raw[0]!
}

export function stateOf(letter: string): JobState {
  return states[letter]!
}

/** A plain or light job that waits or runs: all there is to know without looking further. */
export function plainClaim(kinds: Kinds, id: string, claim: number, raw: string): ClaimedJob | undefined {
  const flag = raw.charCodeAt(30)
  if (flag !== 45 && flag !== 61) return undefined
  const one = raw.indexOf('\n', 31)
  const two = raw.indexOf('\n', one + 1)
  // Without extras.
  if (flag === 45 ? two !== raw.length - 1 : raw.charCodeAt(two + 1) !== 10) return undefined

  const { queue, task } = kinds.in(raw)!
  const input = unescape(raw.slice(one + 1, two))
  const rank = (raw.charCodeAt(29) - 48) as Rank
  return { id, claim, task, queue, rank, input, attempt: 1, crashes: 0, createdAt: Number(raw.slice(1, 14)) }
}

/** A step that few others went before. `nextEnd` tells how each of those has ended, in turn. */
export function stepClaim(
  kinds: Kinds,
  id: string,
  claim: number,
  raw: string,
  nextEnd: () => string,
): ClaimedJob | undefined {
  if (raw.charCodeAt(30) !== 42) return undefined
  const one = raw.indexOf('\n', 31)
  const two = raw.indexOf('\n', one + 1)
  const three = raw.indexOf('\n', two + 1)
  const first = raw.charCodeAt(three + 1)
  // Of many members it only says how many.
  if (first === 35) return undefined

  const { queue, task } = kinds.in(raw)!
  const { m, v, r } = two + 1 === three ? noExtras : (JSON.parse(raw.slice(two + 1, three)) as Extras)
  return {
    id,
    claim,
    task,
    queue,
    rank: (raw.charCodeAt(29) - 48) as Rank,
    input: unescape(raw.slice(one + 1, two)),
    attempt: 1,
    crashes: 0,
    ...(v !== undefined && { version: v }),
    ...(m !== undefined && { metadata: m }),
    ...(r && { redact: r }),
    createdAt: Number(raw.slice(1, 14)),
    ...(first === 60 && { members: membersIn(raw, three + 1, nextEnd) }),
  }
}

/** A line each: `<`, a number of 15 digits, and the id. */
function membersIn(raw: string, from: number, nextEnd: () => string): Member[] {
  const members: Member[] = []
  for (let index = 0; raw.charCodeAt(from) === 60; index++) {
    const line = raw.indexOf('\n', from)
    const to = line === -1 ? raw.length : line
    const end = nextEnd()
    if (end !== '') members.push(memberEnded(index, raw.slice(from + 16, to), end))
    from = to + 1
  }
  return members
}

/** As it stands in `running` of a step that has succeeded; else `!`, state, result, and the error behind a line end. */
function memberEnded(index: number, id: string, end: string): Member {
  if (end.charCodeAt(0) !== 33) return { index, id, state: 'succeeded', result: resultFrom(end.slice(43)) }
  const line = end.indexOf('\n')
  const result = end.slice(2, line)
  const error = end.slice(line + 1)

  return {
    index,
    id,
    state: stateOf(end[1]!) as FinalState,
    ...(result !== '' && { result: resultFrom(result) }),
    ...(error !== '' && { error: JSON.parse(error) as JobError }),
  }
}

export function parse(kinds: Kinds, raw: string): Parsed {
  const [, input = '', extras = '', tail, result] = raw.slice(31).split('\n')
  const begin = {
    kind: kinds.in(raw)!,
    input: unescape(input),
    extras: extras === '' ? noExtras : (JSON.parse(extras) as Extras),
  }
  if (raw.charCodeAt(30) === 43) {
    const features = JSON.parse(tail!) as Features
    return { ...begin, features, ...(result !== undefined && { result: resultFrom(result) }) }
  }
  // The tail of a step begins with those it waits for, if there are any.
  if (raw.charCodeAt(30) === 42) return { ...begin, features: tail!.startsWith('>') ? noFeatures : hasWaited }
  // The tail of a light one that has not ended is of no interest to readers.
  if (tail === undefined || raw.charCodeAt(30) !== 45) return { ...begin, features: noFeatures }
  const features = { st: Number(tail.slice(0, 13)), fi: Number(tail.slice(13, 26)), a: 1 }
  return { ...begin, features, result: resultFrom(tail.slice(26)) }
}

/** '0' for null, '1' and the text otherwise. */
function resultFrom(text: string): string | null {
  return text === '0' ? null : unescape(text.slice(1))
}

export function resultText(result: string | null): string {
  return result === null ? '0' : `1${escape(result)}`
}

/** As the scripts show a job: id, record, and of a running one claim, incarnation and start. */
export type Shown = readonly [id: string, raw?: string, claim?: string, incarnation?: string, startedAt?: string]

export function recordFrom(kinds: Kinds, [id, raw, claim, incarnation, startedAt]: Shown): JobRecord {
  const { kind, input, extras, features: f, result } = parse(kinds, raw!)
  const state = claim === undefined ? stateOf(letterOf(raw!)) : 'running'
  const waiting = state === 'scheduled' || state === 'blocked' || state === 'ready'
  const version = versionOf(f, extras)
  const started = startedAt === undefined ? f.st : Number(startedAt)
  const blocked = state === 'blocked'

  return {
    id,
    task: kind.task,
    queue: kind.queue,
    rank: (raw!.charCodeAt(29) - 48) as Rank,
    state,
    input,
    ...(result !== undefined && { result }),
    ...(f.e !== undefined && { error: JSON.parse(f.e) as JobError }),
    attempt: (f.a ?? 0) + (state === 'running' ? 1 : 0),
    crashes: f.c ?? 0,
    createdAt: Number(raw!.slice(1, 14)),
    ...(state === 'scheduled' && { dueAt: Number(f.du) }),
    ...(waiting && f.ex !== undefined && { expiresAt: Number(f.ex) }),
    ...(started !== undefined && { startedAt: started }),
    ...(f.fi !== undefined && { finishedAt: f.fi }),
    ...(f.cr !== undefined && { cancelRequestedAt: f.cr }),
    ...(incarnation !== undefined && { incarnation }),
    ...(f.p !== undefined && { progress: JSON.parse(f.p) as Progress }),
    ...(extras.t && { tags: extras.t }),
    ...(extras.m !== undefined && { metadata: extras.m }),
    ...(f.u && { unique: f.u.k }),
    ...(version !== undefined && { version }),
    ...(extras.r && { redact: extras.r }),
    ...(f.b !== undefined && { because: f.b }),
    ...((blocked || (state === 'scheduled' && f.pn !== undefined)) && { pending: f.pn ?? 0 }),
    ...(blocked && f.h === 1 && { held: true }),
  }
}

export function settledFrom(kinds: Kinds, shown: Shown): SettledJob {
  const { id, state, result, error } = recordFrom(kinds, shown)
  return { id, state: state as FinalState, ...(result !== undefined && { result }), ...(error && { error }) }
}

/**
 * Members, where the next page begins ('' if they are all there), steps as names and results in turn, and the leader
 * of the group with which it was claimed, or ''.
 */
export type Beside = readonly [members: RawMembers, rest: string | number, steps: readonly string[], leader: string]
/** Of each its index, its id and how it ended, in turn. */
export type RawMembers = readonly (string | number)[]

export function membersFrom(flat: RawMembers): Member[] {
  const members: Member[] = []
  for (let at = 0; at < flat.length; at += 3) {
    members.push(memberEnded(flat[at] as number, flat[at + 1] as string, flat[at + 2] as string))
  }
  return members
}

export function claimFrom(kinds: Kinds, id: string, claim: number, raw: string, beside?: Beside): ClaimedJob {
  const plain = beside ? undefined : plainClaim(kinds, id, claim, raw)
  if (plain) return plain

  const { kind, input, extras, features: f } = parse(kinds, raw)
  const version = versionOf(f, extras)
  return {
    id,
    claim,
    task: kind.task,
    queue: kind.queue,
    rank: (raw.charCodeAt(29) - 48) as Rank,
    input,
    attempt: (f.a ?? 0) + 1,
    crashes: f.c ?? 0,
    ...(beside && beside[3] !== '' && { leader: beside[3] }),
    ...(version !== undefined && { version }),
    ...(extras.m !== undefined && { metadata: extras.m }),
    ...(extras.r && { redact: extras.r }),
    ...(f.cr !== undefined && { cancelRequested: true }),
    createdAt: Number(raw.slice(1, 14)),
    ...(beside && (f.w !== undefined || beside[0].length > 0) && { members: membersFrom(beside[0]) }),
    ...(beside && beside[1] !== '' && { moreMembers: true }),
    ...(beside && beside[2].length > 0 && { steps: stepsFrom(beside[2]) }),
  }
}

export function stepsFrom(flat: readonly string[]): Record<string, string> {
  const steps: Record<string, string> = {}
  for (let index = 0; index < flat.length; index += 2) steps[flat[index]!] = flat[index + 1]!
  return steps
}

export function versionOf({ v }: Features, extras: Extras): number | undefined {
  if (v === undefined) return extras.v
  return v === -1 ? undefined : v
}
