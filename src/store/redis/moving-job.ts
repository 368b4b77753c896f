/** A job as it travels: read from what the scripts hand out, and given to them as they add it. */
import type { JobError, JobState, StoredLine, Progress, Rank } from '../../job.ts'
import type { MovingEdge, MovingJob } from '../moving.ts'
import type { AttemptRecord, FollowUp, Lane, NewJob } from '../store.ts'
import type { Argument } from './connection/connection.ts'
import { digestIn, type Kinds } from './kinds.ts'
import { letterOf, parse, resultText, stateOf, stepsFrom, versionOf, type Features } from './record.ts'
import { escape } from './text.ts'
import { extrasOf, featuresOf, type Extras } from './wanted.ts'

type Edge = readonly [index: number, otherwise: 'c' | 'r', open: number, id: string]

/** `holds`: '' if it does not hold its key, '-' if it does, or the time until which it does. */
export type HandedOut = readonly [
  id: string,
  ticket: string,
  raw: string,
  attempts: readonly string[],
  log: readonly string[],
  steps: readonly string[],
  edges: readonly Edge[],
  slots: string,
  rate: string,
  holds: string,
  awaited: number,
  keepsSlot: number,
]

/** All that a record may have, under the short names that the scripts use. */
interface AllFeatures extends Features {
  readonly on?: number
  readonly hd?: number
  readonly l?: string
  readonly g?: string
  readonly lo?: number
  readonly r?: string
  readonly u?: { readonly k: string; readonly s: string }
  readonly pt?: string
  readonly s?: Template
  readonly x?: Template
}

interface Template {
  readonly k: string
  readonly r: Rank
  readonly x: string
  readonly o?: number
}

/** Makes the kinds known that these jobs and their follow-ups are of. */
export async function readKinds(kinds: Kinds, handedOut: readonly HandedOut[]): Promise<void> {
  await kinds.read(handedOut.map(([, , raw]) => digestIn(raw)))
  const templates = handedOut.flatMap(([, , raw]) => {
    if (raw.charCodeAt(30) !== 43) return []
    const { s, x } = parse(kinds, raw).features as AllFeatures
    return [...(s ? [s.k] : []), ...(x ? [x.k] : [])]
  })
  await kinds.read(templates)
}

export function movingJob(kinds: Kinds, handedOut: HandedOut): MovingJob {
  const [id, ticket, raw, attempts, log, steps, edges, , , holds, awaited, keepsSlot] = handedOut
  const { features, result } = parse(kinds, raw)
  const f = features as AllFeatures
  const state = stateOf(letterOf(raw)) as Exclude<JobState, 'running'>

  return {
    id,
    ticket,
    job: asInserted(kinds, handedOut),
    state,
    createdAt: Number(raw.slice(1, 14)),
    attempts: f.a ?? 0,
    crashes: f.c ?? 0,
    ...(f.du !== undefined && state !== 'ready' && { dueAt: Number(f.du) }),
    ...(f.ex !== undefined && { expiresAt: Number(f.ex) }),
    ...(f.st !== undefined && { startedAt: f.st }),
    ...(f.fi !== undefined && { finishedAt: f.fi }),
    ...(f.cr !== undefined && { cancelRequestedAt: f.cr }),
    ...(result !== undefined && { result }),
    ...(f.e !== undefined && { error: JSON.parse(f.e) as JobError }),
    ...(f.p !== undefined && { progress: JSON.parse(f.p) as Progress }),
    ...(f.b !== undefined && { because: f.b }),
    ...(f.u && { unique: uniqueFrom(f.u, holds) }),
    history: attempts.map((text) => JSON.parse(text) as AttemptRecord),
    log: log.map((text) => JSON.parse(text) as StoredLine),
    ...(steps.length > 0 && { steps: stepsFrom(steps) }),
    members: edges.map(edgeFrom),
    ...(keepsSlot === 1 && { keepsSlot: true }),
    ...(awaited === 1 && { awaited: true }),
  }
}

function asInserted(kinds: Kinds, [, , raw, , , , , slots, rate]: HandedOut): MovingJob['job'] {
  const { kind, input, extras, features } = parse(kinds, raw)
  const f = features as AllFeatures
  const version = versionOf(f, extras)
  const [tokens, perMs] = rate.split(' ').map(Number)
  return {
    ...kind,
    rank: (raw.charCodeAt(29) - 48) as Rank,
    input,
    ...wishes(extras),
    ...(version !== undefined && { version }),
    ...(f.on && { once: true }),
    ...(f.hd && { held: true }),
    ...laneFrom(f, slots),
    ...(f.r !== undefined && { rate: { name: f.r, tokens: tokens!, perMs: perMs! } }),
    ...(f.s && { onSucceeded: followUpFrom(kinds, f.s) }),
    ...(f.x && { onFailed: followUpFrom(kinds, f.x) }),
  }
}

/** `value`: its slots, or the size of its groups and how long one waits. */
function laneFrom({ l, g, lo }: AllFeatures, value: string): { lane?: Lane } {
  const ordered = lo && ({ ordered: true } as const)
  if (l !== undefined) return { lane: { name: l, slots: Number(value), ...ordered } }
  if (g === undefined) return {}

  const [size, waitMs] = value.split(' ').map(Number)
  return { lane: { name: g, slots: 1, ...ordered, gather: { size: size!, waitMs: waitMs! } } }
}

const wishes = ({ t, m, r }: Extras): Pick<NewJob, 'tags' | 'metadata' | 'redact'> => ({
  ...(t && { tags: t }),
  ...(m !== undefined && { metadata: m }),
  ...(r && { redact: r }),
})

function followUpFrom(kinds: Kinds, { k, r, x, o }: Template): FollowUp {
  const extras = x === '' ? {} : (JSON.parse(x) as Extras)
  return {
    ...kinds.of(k)!,
    rank: r,
    ...wishes(extras),
    ...(extras.v !== undefined && { version: extras.v }),
    ...(o && { once: true }),
  }
}

function uniqueFrom(
  { k, s }: { readonly k: string; readonly s: string },
  holds: string,
): NonNullable<MovingJob['unique']> {
  const scope = s === 'w' ? 'waiting' : s === 'a' ? 'active' : 'time'
  return { key: k, scope, ...(holds !== '' && { holds: holds === '-' ? {} : { until: Number(holds) } }) }
}

const edgeFrom = ([index, otherwise, open, id]: Edge): MovingEdge => ({
  index,
  id,
  otherwise: otherwise === 'c' ? 'cancel' : 'run',
  open: open === 1,
})

const letters: Readonly<Record<MovingJob['state'], string>> = {
  scheduled: 'd',
  blocked: 'b',
  ready: 'r',
  succeeded: 's',
  failed: 'f',
  cancelled: 'c',
  expired: 'x',
}

/** As moving-place.lua takes it. */
export function placeArguments(moving: MovingJob, kinds: Kinds): Argument[] {
  const { id, ticket, job, state, createdAt, result } = moving
  return [
    id,
    ticket,
    job.rank,
    kinds.digestOf(job),
    String(createdAt).padStart(13, '0'),
    letters[state],
    escape(job.input),
    extrasOf(job),
    JSON.stringify(featuresFor(moving, kinds)),
    JSON.stringify(besideFor(moving, kinds)),
    result === undefined ? '' : resultText(result),
  ]
}

function featuresFor(moving: MovingJob, kinds: Kinds): AllFeatures {
  const { job, attempts, crashes, dueAt, expiresAt, startedAt, finishedAt, cancelRequestedAt, unique } = moving
  const { error, progress, because } = moving
  type Named = { s?: Template; x?: Template; pt?: string }
  const { s, x, pt } = (featuresOf({ ...job, id: moving.id }, kinds) ?? {}) as Named
  return {
    ...(attempts > 0 && { a: attempts }),
    ...(crashes > 0 && { c: crashes }),
    ...(dueAt !== undefined && { du: String(dueAt) }),
    ...(expiresAt !== undefined && { ex: String(expiresAt) }),
    ...(startedAt !== undefined && { st: startedAt }),
    ...(finishedAt !== undefined && { fi: finishedAt }),
    ...(cancelRequestedAt !== undefined && { cr: cancelRequestedAt }),
    ...(error && { e: JSON.stringify(error) }),
    ...(progress && { p: JSON.stringify(progress) }),
    ...(because !== undefined && { b: because }),
    ...(unique && { u: { k: unique.key, s: unique.scope === 'time' ? '0' : unique.scope[0]! } }),
    ...(job.once && { on: 1 }),
    ...(job.held && { h: 1, hd: 1 }),
    ...(job.lane && { [job.lane.gather ? 'g' : 'l']: job.lane.name, ...(job.lane.ordered && { lo: 1 }) }),
    ...(job.rate && { r: job.rate.name }),
    ...(s && { s }),
    ...(x && { x }),
    ...(pt !== undefined && { pt }),
  }
}

function besideFor({ job, unique, history, log, steps, members, keepsSlot }: MovingJob, kinds: Kinds): object {
  const { lane, rate, onSucceeded, onFailed } = job
  return {
    kinds: [onSucceeded, onFailed].flatMap((followUp) => (followUp ? kinds.digestOf(followUp) : [])),
    members: members.map(({ index, id, otherwise, open }) => [index, id, otherwise[0], open ? 1 : 0]),
    ...(history.length > 0 && { at: history.map((each) => JSON.stringify(each)) }),
    ...(log.length > 0 && { lg: log.map((each) => JSON.stringify(each)) }),
    ...(steps && Object.keys(steps).length > 0 && { sp: Object.entries(steps).flat() }),
    ...(lane && (lane.gather ? { group: [lane.gather.size, lane.gather.waitMs] } : { slots: lane.slots })),
    ...(lane && keepsSlot && { slot: 1 }),
    ...(rate && { rate: [rate.tokens, rate.perMs] }),
    ...(unique?.holds && { holds: unique.holds.until === undefined ? '-' : String(unique.holds.until) }),
  }
}
