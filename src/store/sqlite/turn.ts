/** One turn: everything a worker needs, in one step and in the order the contract gives. */
import { checkTurn } from '../checked-times.ts'
import type { Claim, ControlMessage, Turn, TurnResult } from '../store.ts'
import { Claiming, openQueues } from './claim.ts'
import type { Reader } from './claimed-job.ts'
import { idText } from './job-row.ts'
import { ripen } from './groups.ts'
import { isStale, lifeOf, renew, type Life } from './lives.ts'
import { never, nextToken } from './rates.ts'
import { giveBack, settle } from './settle.ts'
import type { Step } from './step.ts'
import { spread, spreadPerStep, spreadRest } from './telling.ts'

/** Of what earlier steps have left to be told: more than a worker runs until its next turn. */
const restPerTurn = 500
/** Looking at a rate costs a few microseconds, in each turn. */
const openRatesPassed = 10

export function turn(step: Step, asked: Turn): TurnResult {
  checkTurn(asked)
  const { incarnation, settled, givenBack, room } = asked
  const life = lifeOf(step, incarnation)
  if (!life) return { gone: true }

  const stale = [...settle(step, life.n, settled), ...giveBack(step, life.n, givenBack)]
  const told = spread(step, spreadPerStep)
  spreadRest(step, Math.min(restPerTurn, spreadPerStep - told))
  const said = handOver(step, life)
  ripen(step)
  const claiming = new Claiming(step, life.n)
  const more = room.map((each) => claiming.claimFor(each)).includes(true)
  const { claimed, expired } = claiming
  spread(step, spreadPerStep)
  renew(step, life)

  step.flushLimits()
  const nextDue = nextDueMs(step)
  return {
    gone: false,
    stale,
    ...said,
    claimed,
    more: more || expired > 0 || step.leftReleasing,
    ...(nextDue !== undefined && { nextDueMs: nextDue }),
  }
}

/** The answer to a turn that has nothing to write, found by reading alone; undefined if there is something. */
export function idleTurn(reader: Reading, asked: Turn): TurnResult | undefined {
  if (asked.settled.length > 0 || asked.givenBack.length > 0) return undefined
  const life = lifeOf(reader, asked.incarnation)
  if (!life) return { gone: true }
  if (isStale(reader.monotonic, life) || life.called || isAnyRipe(reader)) return undefined
  if (asked.room.some(({ queues, jobs }) => jobs > 0 && hasWork(reader, queues))) return undefined

  const nextDue = nextDueMs(reader)
  const due = nextDue === undefined ? {} : { nextDueMs: nextDue }
  return { gone: false, stale: [], cancels: [], messages: [], claimed: [], more: false, ...due }
}

export interface Reading extends Reader {
  readonly now: number
  readonly monotonic: number
}

export function isCalled({ sql }: Reader, n: number): boolean {
  return sql.hasSignal.get(n) !== undefined || sql.hasMessage.get(n) !== undefined
}

export function hasWork(reader: Pick<Reading, 'sql' | 'names' | 'now'>, queues: readonly string[]): boolean {
  const { sql, now } = reader
  const open = openQueues(reader, queues)
  const reopening = firstReopening(reader)
  if (reopening !== undefined && reopening <= now && open.length > 0) return true
  if (open.length > 0 && isAnyRipe(reader)) return true

  return open.some((queue) => sql.hasReady.get(queue) ?? sql.hasReady.get(-queue) ?? sql.anyOpenLine.get(queue))
}

/** Whether time has made a group ripe that has no leader yet. */
function isAnyRipe({ sql, now }: Pick<Reading, 'sql' | 'now'>): boolean {
  const first = sql.firstRipe.get() as { ripe: number } | undefined
  return first !== undefined && first.ripe <= now
}

/** Each cancel request and each message is told once. */
function handOver({ sql, called }: Step, life: Life): { cancels: Claim[]; messages: ControlMessage[] } {
  const { n } = life
  if (!life.called && !called.has(n)) return { cancels: [], messages: [] }

  const cancels = sql.signals.all(n) as { claim: number; id: Uint8Array | string }[]
  const messages = sql.newMessages.all(n) as { body: string }[]
  sql.deleteSignals.run(n)
  sql.markTold.run(n)
  return {
    cancels: cancels.map(({ id, claim }) => ({ id: idText(id), claim })),
    messages: messages.map(({ body }) => JSON.parse(body) as ControlMessage),
  }
}

/** Milliseconds until a job is due or expires, or a group or a token that a ready job waits for falls due. */
export function nextDueMs(reader: Pick<Reading, 'sql' | 'now'>): number | undefined {
  const { due, expiry, reopening, ripe, throttled, lined } = reader.sql.nextMoments.get(reader.now) as Moments
  const first = Math.min(
    due ?? never,
    expiry ?? never,
    ripe ?? never,
    reopening ?? never,
    throttled ? firstOpenToken(reader) : never,
    lined > 0 ? firstLinedToken(reader) : never,
  )
  return first < never ? Math.max(0, first - reader.now) : undefined
}

interface Moments {
  readonly due: number | null
  readonly expiry: number | null
  readonly reopening: number | null
  readonly ripe: number | null
  /** Whether any ready job that is not in the ready line might wait for a token. */
  readonly throttled: number
  /** How many jobs of rates are in the ready line. */
  readonly lined: number
}

function firstReopening({ sql }: Pick<Reading, 'sql'>): number | undefined {
  const { due } = sql.firstReopening.get() as { due: number | null }
  return due === null || due >= never ? undefined : due
}

/** Lines that are open may have a token, and those of suspects are not kept at all: looked at, as far as there are few. */
function firstOpenToken(reader: Pick<Reading, 'sql' | 'now'>): number {
  const rates = reader.sql.someOpenRates.all() as { rate: number }[]
  return firstToken(
    reader,
    rates.map(({ rate }) => rate),
  )
}

/** Only those of tight rates might not have one now. */
function firstLinedToken(reader: Pick<Reading, 'sql' | 'now'>): number {
  const tight = reader.sql.someTightRates.all() as { id: number }[]
  return firstToken(
    reader,
    tight.map(({ id }) => id),
  )
}

/** Of those that have none now; looked for among the first that have one, as long as those are few. */
function firstToken(reader: Pick<Reading, 'sql' | 'now'>, rates: readonly number[]): number {
  let first = never
  let open = 0
  for (const rate of rates) {
    const at = nextToken(reader, rate)
    if (at > reader.now) first = Math.min(first, at)
    else if (++open === openRatesPassed) break
  }
  return first
}
