/** A turn as the script takes it, and its answer. */
import type { Outcome } from '../../outcome.ts'
import type { Claim, ClaimedJob, ControlMessage, Settlement, Turn, TurnResult } from '../store.ts'
import type { Argument } from './connection/connection.ts'
import { claimFrom, plainClaim, resultText, type Beside } from './record.ts'
import { numberIn, type Kinds } from './kinds.ts'
import { pack } from './text.ts'
import { wantedOf } from './wanted.ts'

export type TurnAnswer = readonly [
  status: 'alive',
  claim: string,
  stale: readonly number[],
  /** Ids and records in turn; in one text, where no id has a NUL in it. */
  claimed: readonly string[] | string,
  beside: readonly (readonly [number, Beside])[],
  cancels: readonly string[],
  messages: readonly string[],
  more: number,
  nextDue: string,
  seen: string,
]

export function turnArguments({ settled, givenBack, room }: Turn, kinds: Kinds): Argument[] {
  const rooms = room.map(({ queues, jobs, bottomUp }) => [queues, jobs, bottomUp])
  const back = givenBack.map(({ claim, delayMs = 0 }) => [claim.id, String(claim.claim), delayMs])
  const args: Argument[] = [
    JSON.stringify(rooms),
    back.length > 0 ? JSON.stringify(back) : '',
    followUps(settled, kinds),
  ]
  const parts: Argument[] = []
  for (const { claim, outcome, ranMs } of settled) {
    parts.push(claim.id, claim.claim, `${outcome.kind[0]!}${Math.round(ranMs)}`, payload(outcome))
  }
  const ids = settled.map(({ claim }) => claim.id)
  args.push(settled.length, ...pack(parts, ids))
  return args
}

function payload(outcome: Outcome): string {
  if (outcome.kind === 'succeeded') return resultText(outcome.result)
  if (outcome.kind === 'wait') return JSON.stringify(outcome.on)
  if (outcome.kind === 'retry') return `${outcome.delayMs}\n${JSON.stringify(outcome.error)}`
  return outcome.error ? JSON.stringify(outcome.error) : ''
}

function followUps(settled: readonly Settlement[], kinds: Kinds): string {
  const byIndex = settled.flatMap(({ followUps }, index) =>
    followUps && followUps.length > 0 ? [[index, followUps.map((job) => wantedOf(job, kinds))] as const] : [],
  )
  return byIndex.length > 0 ? JSON.stringify(Object.fromEntries(byIndex)) : ''
}

export function turnResult({ settled, givenBack }: Turn, answer: TurnAnswer, kinds: Kinds): TurnResult {
  const [, claim, stale, claimed, beside, cancels, messages, more, nextDue] = answer
  const sent = (index: number): Claim =>
    index < settled.length ? settled[index]!.claim : givenBack[index - settled.length]!.claim

  return {
    gone: false,
    stale: stale.map(sent),
    claimed: claimedJobs(kinds, Number(claim), flatOf(claimed), beside),
    cancels: claimsFrom(cancels),
    messages: messages.map((text) => JSON.parse(text) as ControlMessage),
    more: more === 1,
    ...(nextDue !== '' && { nextDueMs: Number(nextDue) }),
  }
}

function claimedJobs(kinds: Kinds, claim: number, flat: readonly string[], beside: TurnAnswer[4]): ClaimedJob[] {
  const more = beside.length > 0 ? new Map(beside) : undefined
  const jobs: ClaimedJob[] = []
  for (let index = 0; index < flat.length; index += 2) {
    const [id, raw] = [flat[index]!, flat[index + 1]!]
    jobs.push(plainClaim(kinds, id, claim, raw) ?? claimFrom(kinds, id, claim, raw, more?.get(index / 2)))
  }
  return jobs
}

/** Of what kind the jobs are that were claimed. */
export function claimedKinds([, , , claimed]: TurnAnswer): Set<string> {
  const [flat, numbers] = [flatOf(claimed), new Set<string>()]
  for (let index = 1; index < flat.length; index += 2) numbers.add(numberIn(flat[index]!))
  return numbers
}

function flatOf(claimed: readonly string[] | string): readonly string[] {
  if (typeof claimed !== 'string') return claimed
  return claimed === '' ? [] : claimed.split('\0')
}

function claimsFrom(flat: readonly string[]): Claim[] {
  const claims: Claim[] = []
  for (let index = 0; index < flat.length; index += 2) claims.push({ id: flat[index]!, claim: Number(flat[index + 1]) })
  return claims
}
