/** One turn: everything a worker needs, in one step and in the order the contract gives. */
import { checkTurn } from '../checked-times.ts'
import type { Claim, Turn, TurnResult } from '../store.ts'
import { claimFor, type Claiming } from './claim.ts'
import type { Data, Incarnation } from './data.ts'
import { claimedWithMembers, spread } from './dependencies.ts'
import { ripeAt, ripen } from './groups.ts'
import { isStale, noteArrivals, renew } from './lives.ts'
import { untilToken } from './rates.ts'
import { firstMoment } from './soon.ts'
import { giveBack, settle } from './settle.ts'

export function turn(data: Data, asked: Turn): TurnResult {
  checkTurn(asked)
  const { incarnation, settled, givenBack, room } = asked
  const life = data.incarnations.get(incarnation)
  if (!life) return { gone: true }

  const stale = [
    ...settled.filter((settlement) => !settle(data, life, settlement)).map(({ claim }) => claim),
    ...givenBack.filter((back) => !giveBack(data, life, back)).map(({ claim }) => claim),
  ]
  spread(data)
  const said = handOver(life)
  ripen(data)
  const claiming: Claiming = { data, life, claim: data.claims + 1, claimed: [], taken: 0, expired: 0 }
  const more = room.map((each) => claimFor(claiming, each)).includes(true)
  const { claimed, expired } = claiming
  if (claimed.length > 0) data.claims++
  spread(data)

  const changes = settled.length + givenBack.length - stale.length + claimed.length + expired
  if (changes + said.cancels.length + said.messages.length > 0 || isStale(data, life)) renew(data, life)
  noteArrivals(data, life)

  const nextDue = nextDueMs(data)
  return {
    gone: false,
    stale,
    ...said,
    claimed: claimed.map(claimedWithMembers),
    more: more || expired > 0,
    ...(nextDue !== undefined && { nextDueMs: nextDue }),
  }
}

/** Milliseconds until a job is due or expires, or a group, or a token that a ready job waits for falls due. */
export function nextDueMs(data: Data): number | undefined {
  const now = data.env.now()
  const first = firstMoment(data)
  const moments = first === undefined ? [] : [Math.max(0, first - now)]

  for (const group of data.groups.values()) {
    const at = ripeAt(group)
    if (at !== undefined) moments.push(Math.max(0, at - now))
  }
  for (const rate of data.rates.values()) {
    const ms = rate.standing > 0 ? untilToken(rate, now) : undefined
    if (ms !== undefined && ms > 0) moments.push(ms)
  }
  return moments.length > 0 ? Math.min(...moments) : undefined
}

/** Each cancel request and each message is told once. A job that has ended since needs no cancelling. */
function handOver(life: Incarnation) {
  const cancels: Claim[] = life.cancels.filter(({ id, claim }) => life.held.get(id)?.claim === claim)
  const untold = life.messages.filter(({ told }) => !told)
  life.cancels = []
  for (const each of untold) each.told = true
  return { cancels, messages: untold.map(({ message }) => message) }
}
