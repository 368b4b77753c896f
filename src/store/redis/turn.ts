/** A turn as the script takes it, and its answer. */
import type { Claim, ClaimedJob, ControlMessage, Settlement, Turn, TurnResult } from '../store.ts'
import type { Argument } from './connection/connection.ts'
import { claimFrom, plainClaim, resultText, stepClaim, type Beside } from './record.ts'
import { digestIn, type Kinds } from './kinds.ts'
import { idsFrom, join, packIds } from './text.ts'
import { wantedOf } from './wanted.ts'

export type TurnAnswer = readonly [
  status: 'alive',
  claim: string,
  stale: readonly number[],
  /** In one text where all have the usual length. */
  claimed: readonly string[] | string,
  records: readonly string[],
  beside: readonly (readonly [number, Beside])[],
  cancels: readonly string[],
  messages: readonly string[],
  more: number,
  nextDue: string,
  seen: string,
  /** How the members have ended that records of steps name, in their order. */
  ends: readonly string[],
]

export function turnArguments({ settled, givenBack, room }: Turn, kinds: Kinds): Argument[] {
  const rooms = room.map(({ queues, jobs, bottomUp }) => [queues, jobs, bottomUp])
  const back = givenBack.map(({ claim, delayMs = 0, started }) => {
    return [claim.id, String(claim.claim), delayMs, started ? 1 : 0]
  })
  const args: Argument[] = [JSON.stringify(rooms), back.length > 0 ? JSON.stringify(back) : '', wishes(settled, kinds)]
  const ids = settled.map(({ claim }) => claim.id)
  args.push(settled.length, JSON.stringify(alike(settled)), ...packIds(ids), join(settled.map(payload)))
  return args
}

/** How many in a row share claim, outcome and time run: mostly many do. */
function alike(settled: readonly Settlement[]): [claim: string, said: string, number: number][] {
  const runs: [string, string, number][] = []
  let latest: Settlement | undefined

  for (const settlement of settled) {
    const { claim, outcome, ranMs } = settlement
    if (latest?.claim.claim === claim.claim && latest.outcome.kind === outcome.kind && latest.ranMs === ranMs) {
      runs.at(-1)![2]++
    } else runs.push([String(claim.claim), `${outcome.kind[0]!}${Math.round(ranMs)}`, 1])
    latest = settlement
  }
  return runs
}

function payload({ outcome }: Settlement): string {
  if (outcome.kind === 'succeeded') return resultText(outcome.result)
  if (outcome.kind === 'wait') return `${outcome.delayMs ?? 0}\n${JSON.stringify(outcome.on)}`
  if (outcome.kind === 'retry') return `${outcome.delayMs}\n${JSON.stringify(outcome.error)}`
  return outcome.error ? JSON.stringify(outcome.error) : ''
}

/** What settlements ask for beside, by their index: follow-ups, that the slot is kept, and that the rate is closed. */
function wishes(settled: readonly Settlement[], kinds: Kinds): string {
  if (!settled.some(isWishing)) return ''
  const byIndex = settled.flatMap((settlement, index) => {
    if (!isWishing(settlement)) return []
    const { followUps, keepsSlot, closesRateMs } = settlement
    const wished = {
      ...(followUps?.length && { f: followUps.map((job) => wantedOf(job, kinds)) }),
      ...(keepsSlot && { k: 1 }),
      ...(closesRateMs !== undefined && { c: closesRateMs }),
    }
    return [[index, wished] as const]
  })
  return JSON.stringify(Object.fromEntries(byIndex))
}

function isWishing({ followUps, keepsSlot, closesRateMs }: Settlement): boolean {
  return (followUps !== undefined && followUps.length > 0) || keepsSlot === true || closesRateMs !== undefined
}

export function turnResult({ settled, givenBack }: Turn, answer: TurnAnswer, kinds: Kinds): TurnResult {
  const [, , stale, , , , cancels, messages, more, nextDue] = answer
  const sent = (index: number): Claim =>
    index < settled.length ? settled[index]!.claim : givenBack[index - settled.length]!.claim

  return {
    gone: false,
    stale: stale.map(sent),
    claimed: claimedJobs(kinds, answer),
    cancels: claimsFrom(cancels),
    messages: messages.map((text) => JSON.parse(text) as ControlMessage),
    more: more === 1,
    ...(nextDue !== '' && { nextDueMs: Number(nextDue) }),
  }
}

function claimedJobs(
  kinds: Kinds,
  [, claimText, , claimed, records, beside, , , , , , ends]: TurnAnswer,
): ClaimedJob[] {
  const claim = Number(claimText)
  const more = beside.length > 0 ? new Map(beside) : undefined
  let told = 0
  const nextEnd = () => ends[told++]!

  return idsFrom(claimed).map((id, index) => {
    const raw = records[index]!
    return (
      plainClaim(kinds, id, claim, raw) ??
      stepClaim(kinds, id, claim, raw, nextEnd) ??
      claimFrom(kinds, id, claim, raw, more?.get(index))
    )
  })
}

/** Digests of jobs that were claimed, of kinds that are not known here. */
export function unknownKinds([, , , , records]: TurnAnswer, kinds: Kinds): string[] {
  return records.filter((raw) => !kinds.in(raw)).map(digestIn)
}

function claimsFrom(flat: readonly string[]): Claim[] {
  const claims: Claim[] = []
  for (let index = 0; index < flat.length; index += 2) claims.push({ id: flat[index]!, claim: Number(flat[index + 1]) })
  return claims
}
