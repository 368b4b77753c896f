/** At the claim of a step: its stored input and the results of the steps before it become the input its handler gets. */
import type { Codec } from '../codec.ts'
import { MissingResultError } from '../errors.ts'
import type { Runtime } from '../runtime.ts'
import type { ClaimedJob, Member, Store } from '../store/store.ts'
import type { Settled } from '../task/step.ts'
import { plainError, rootErrors } from './causes.ts'
import { laidOver, withValue, type Wire } from './graph.ts'
import { stepId, type StepNote } from './note.ts'

type Results = ReadonlyMap<string, Member>
/** Results by the ids of their steps, decoded already: each for one place in the input. */
type Decoded = Map<string, unknown>

/** Results with more characters are decoded in pieces, lest they hold the event loop. */
const manyCharacters = 64 * 1024

/** The whole input. Only a promise where results did not fit into the claim, or a failure has to be looked up. */
export function resolved(runtime: Runtime, claimed: ClaimedJob, note: StepNote, input: unknown): unknown {
  const { holes } = note
  if (!holes) return input
  const members = claimed.members ?? []
  if (claimed.moreMembers || members.some(isUnexplained) || areMany(members))
    return resolvedLate(runtime, claimed, note, input)

  return filled(runtime, claimed.task, note, byId(members), input)
}

function areMany(members: readonly Member[]): boolean {
  return members.reduce((sum, { result }) => sum + (result?.length ?? 0), 0) > manyCharacters
}

async function resolvedLate(runtime: Runtime, claimed: ClaimedJob, note: StepNote, input: unknown): Promise<unknown> {
  const members = claimed.moreMembers ? await allMembers(runtime, claimed.id) : claimed.members!
  const all = members.some(isUnexplained) ? await explained(await runtime.open(), members) : members
  const decoded = await decodedInStretches(runtime, all)

  return filled(runtime, claimed.task, note, byId(all), input, decoded)
}

async function decodedInStretches({ codec, stretch }: Runtime, members: readonly Member[]): Promise<Decoded> {
  const decoded: Decoded = new Map()
  for (const { id, state, result } of members) {
    if (stretch.isOver()) await stretch.pause()
    if (state === 'succeeded' && typeof result === 'string') decoded.set(id, codec.decode(result))
  }
  return decoded
}

const byId = (members: readonly Member[]): Results => new Map(members.map((member) => [member.id, member]))

export async function allMembers(runtime: Runtime, id: string): Promise<Member[]> {
  const store = await runtime.open()
  const all: Member[] = []
  let cursor: string | undefined
  do {
    if (runtime.stretch.isOver()) await runtime.stretch.pause()
    const page = await store.members(id, cursor)
    all.push(...page.members)
    cursor = page.cursor
  } while (cursor !== undefined)

  return all
}

/** Cancelled, probably because of another step that failed. */
const isUnexplained = ({ state, error }: Member) => state === 'cancelled' && !error

async function explained(store: Store, members: readonly Member[]): Promise<readonly Member[]> {
  const causes = await rootErrors(
    store,
    members.filter(isUnexplained).map(({ id }) => id),
  )
  return members.map((member) => {
    const cause = causes.get(member.id)
    return cause ? { ...member, error: cause.error } : member
  })
}

function filled(
  runtime: Runtime,
  task: string,
  note: StepNote,
  results: Results,
  input: unknown,
  decoded?: Decoded,
): unknown {
  const { codec } = runtime
  const memberOf = (step: number): Member => {
    const id = stepId(note.id, step, note.last)
    const member = results.get(id)
    if (member) return member
    throw new MissingResultError(id)
  }
  const resultOf = (step: number): unknown => {
    const { state, result, id } = memberOf(step)
    if (state !== 'succeeded') throw new MissingResultError(id)
    const known = decoded?.get(id)
    // Two places are two values.
    if (decoded?.delete(id)) return known
    return typeof result === 'string' ? codec.decode(result) : null
  }
  const joinedOf = ([first, count]: readonly [number, number]): unknown[] =>
    Array.from({ length: count }, (_, at) => resultOf(first + at) as unknown[]).flat()
  const valueOf = (wire: Wire): unknown => {
    if ('step' in wire) return along(resultOf(wire.step), wire.path)
    if ('outcome' in wire) return along(settledOf(memberOf(wire.outcome), codec), wire.path)
    if ('steps' in wire) return Array.from({ length: wire.steps[1] }, (_, at) => resultOf(wire.steps[0] + at))
    if ('joined' in wire) return along(joinedOf(wire.joined), wire.path)
    if ('list' in wire) return wire.list.map(valueOf)
    return wire.value
  }
  return note.holes!.reduce((whole, { at, wire, under }) => {
    const value = valueOf(wire)
    return under ? laidOver(task, value, whole) : withValue(whole, at, value)
  }, input)
}

function settledOf({ id, state, result, error }: Member, codec: Codec): Settled<unknown> {
  if (state === 'succeeded') return { state, result: typeof result === 'string' ? codec.decode(result) : null }

  return { state, error: error ?? plainError(id, state) }
}

/** What lies at a path within a value: null where there is nothing, as JSON has it. */
function along(value: unknown, path: readonly string[] = []): unknown {
  let at = value
  for (const key of path) at = (at as Record<string, unknown> | null | undefined)?.[key]

  return path.length > 0 ? (at ?? null) : at
}
