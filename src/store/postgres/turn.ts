/** A turn as the SQL function takes it, and as it answers. */
import type { Env } from '../../env.ts'
import { StoreBusyError, UnknownOutcomeError } from '../../errors.ts'
import { Stretch } from '../../stretch.ts'
import { checkTurn } from '../checked-times.ts'
import type { Claim, ClaimedJob, ControlMessage, GivenBack, Settlement, Turn, TurnResult } from '../store.ts'
import type { Clock } from './clock.ts'
import { claimedColumns, claimedOf, numberIn, type ClaimedRow } from './decode.ts'
import { flag, namedIn, specOf } from './encode.ts'
import { queuesIn } from './inserter.ts'
import type { Beginning, Floors, Looked } from './floors.ts'
import type { Life, Lives } from './lives.ts'
import type { Names } from './names.ts'
import { raised, type Statements } from './statements.ts'
import type { Waking } from './waking.ts'

/** Ids for the jobs that an ending may add; more than these the server makes itself. */
const spareIds = 16

export const sparesOf = (env: Env): string => Array.from({ length: spareIds }, () => env.id()).join(',')

/** A job that this many workers were lost with stands apart from its line. */
const suspectFrom = 2

const turnText = `select ${claimedColumns} from errand.turn($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`

interface Head extends Looked {
  readonly gone?: boolean
  readonly stale: number[]
  readonly staleNos: number[]
  readonly cancels: [id: string, claim: number, no: number][] | null
  readonly messages: ControlMessage[] | null
  readonly more: boolean
  readonly nextDue: number | null
  readonly special: boolean
  readonly arrivals: string | null
}

export interface TurnParts {
  readonly env: Env
  readonly clock: Clock
  readonly statements: Statements
  readonly names: Names
  readonly lives: Lives
  readonly floors: Floors
  readonly waking: Waking
}

export class Turns {
  readonly #parts: TurnParts
  readonly #stretch: Stretch

  constructor(parts: TurnParts) {
    this.#parts = parts
    this.#stretch = new Stretch(parts.env)
  }

  async take(turn: Turn): Promise<TurnResult> {
    checkTurn(turn)
    const { waking } = this.#parts
    try {
      const answer = await this.#take(turn)
      waking.looked(turn.room, answer.gone || answer.more)
      return answer
    } catch (error) {
      waking.looked(turn.room, true)
      throw error
    }
  }

  async #take(turn: Turn): Promise<TurnResult> {
    const { names, lives, floors, waking } = this.#parts
    const ends = sorted(turn)
    const { plain, others } = ends
    const followUps = turn.settled.flatMap((settlement) => settlement.followUps ?? [])
    const life = lives.get(turn.incarnation)
    if (others.length > 0) floors.again()
    const beginning = floors.begin()
    const send = () => this.#send(turn, ends, life, beginning)
    const claims = followUps.length > 0 ? await names.numbered(namedIn(followUps), send) : await send()
    const head = JSON.parse(claims.pop()!.extra!) as Head
    if (head.gone) {
      floors.forget()
      return { gone: true }
    }

    await this.#know(claims)
    life.special = head.special
    life.parked = turn.park === true && claims.length === 0
    const nextDue = life.upkeepDue ? 0 : head.nextDue
    life.upkeepDue = false
    if (head.arrivals) waking.wake(queuesIn(head.arrivals))
    for (const row of claims) this.#leaveFloor(row)
    floors.looked(beginning, head)
    if (!head.more) floors.again()

    return {
      gone: false,
      stale: staleOf(head, turn, plain, others),
      claimed: await this.#claimed(claims),
      cancels: (head.cancels ?? []).map(([id, claim]) => ({ id, claim })),
      messages: head.messages ?? [],
      more: head.more,
      ...(nextDue !== null && { nextDueMs: nextDue }),
    }
  }

  #know(rows: readonly ClaimedRow[]): Promise<void> | undefined {
    const { names } = this.#parts
    if (rows.every(({ queue, task }) => names.queue(queue) !== undefined && names.task(task) !== undefined))
      return undefined

    return names.knowNumbers(
      rows.map(({ queue }) => queue),
      rows.map(({ task }) => task),
    )
  }

  #leaveFloor({ crashes, flags, queue, rank, place }: ClaimedRow): void {
    // A suspect is handed out before its turn, and so is who goes along with a leader: others may stand in front of them.
    const inTurn = crashes < suspectFrom && (flags & flag.gathers) === 0
    if (inTurn) this.#parts.floors.claimed(queue, rank, Number(place))
  }

  async #claimed(rows: readonly ClaimedRow[]): Promise<ClaimedJob[]> {
    const stretch = this.#stretch
    const claimed: ClaimedJob[] = []
    for (const row of rows) {
      if (row.extra !== null && stretch.isOver()) await stretch.pause()
      claimed.push(claimedOf(row, this.#parts.names))
    }
    return claimed
  }

  /** Tried without the gate where nothing speaks for it; a turn that turns out to need it has done nothing yet. */
  async #send(turn: Turn, ends: Sorted, life: Life, beginning: Beginning): Promise<ClaimedRow[]> {
    const enter = ends.others.length > 0 || life.special
    try {
      return await this.#call(turn, ends, life, beginning, enter)
    } catch (error) {
      const code = raised(error)
      if (code === 'ER003') throw new UnknownOutcomeError('a turn', [], error)
      if (enter || (code !== 'ER004' && !(error instanceof StoreBusyError))) throw error
      return this.#call(turn, ends, life, beginning, true)
    }
  }

  #call(
    turn: Turn,
    { plain, others, before }: Sorted,
    life: Life,
    beginning: Beginning,
    enter: boolean,
  ): Promise<ClaimedRow[]> {
    const { env, clock, statements } = this.#parts
    const { now, monotonic } = clock()
    const some = plain.length > 0
    const values = [
      turn.incarnation,
      life.epoch ?? null,
      now,
      monotonic,
      enter,
      enter ? sparesOf(env) : null,
      some ? plain.map(({ claim }) => numberIn(claim)) : null,
      some ? plain.map(({ claim }) => claim.claim) : null,
      some ? plain.map(({ outcome }) => (outcome as { result: string | null }).result) : null,
      some ? plain.map(({ ranMs }) => Math.round(ranMs)) : null,
      others.length > 0 ? JSON.stringify(others.map((end, at) => ({ ...this.#spec(end), before: before[at] }))) : null,
      turn.room.length > 0 ? JSON.stringify(turn.room) : null,
      beginning.hints,
      beginning.era,
      beginning.survey,
      turn.park ?? false,
    ]
    const ids = turn.settled.map(({ claim }) => claim.id)
    return statements.all<ClaimedRow>(turnText, values, { name: 'errand_turn', ids, silenceMs: life.silenceMs })
  }

  #spec(end: OtherEnd) {
    const { claim } = end
    const fence = { id: claim.id, no: numberIn(claim), claim: claim.claim }
    if (!('outcome' in end)) {
      const { delayMs = 0, started } = end
      return { ...fence, kind: 'back', delay: Math.round(delayMs), started }
    }

    const { outcome, ranMs, followUps, keepsSlot, closesRateMs } = end
    return {
      ...fence,
      kind: outcome.kind,
      ran: Math.round(ranMs),
      ...('result' in outcome && { result: outcome.result }),
      ...('error' in outcome && outcome.error && { error: JSON.stringify(outcome.error) }),
      ...('delayMs' in outcome && { delay: Math.round(outcome.delayMs ?? 0) }),
      ...('on' in outcome && { on: outcome.on }),
      ...(keepsSlot && { keepsSlot }),
      ...(closesRateMs !== undefined && { closesRate: Math.round(closesRateMs) }),
      ...(followUps && followUps.length > 0 && { follow: followUps.map((job) => specOf(job, this.#parts.names)) }),
    }
  }
}

type OtherEnd = Settlement | GivenBack

interface Sorted {
  readonly plain: Settlement[]
  readonly others: OtherEnd[]
  /** How many plain ones were said before each of the others. */
  readonly before: number[]
}

/** Plain successes, of which the number is known, and all that needs the gate. */
function sorted({ settled, givenBack }: Turn): Sorted {
  const [plain, others, before]: [Settlement[], OtherEnd[], number[]] = [[], [], []]
  const seen = new Set<string>()
  // Whoever waits may wait for one that ends in this very turn, so then each has its turn.
  const anyWaits = settled.some(
    ({ outcome, followUps }) => outcome.kind === 'wait' || followUps?.some(({ after }) => after !== undefined),
  )
  for (const settlement of settled) {
    const { id } = settlement.claim
    // What is said twice counts once, the first time.
    if (isPlain(settlement) && !seen.has(id) && !anyWaits) plain.push(settlement)
    else {
      others.push(settlement)
      before.push(plain.length)
    }
    seen.add(id)
  }
  return { plain, others: [...others, ...givenBack], before: [...before, ...givenBack.map(() => plain.length)] }
}

function isPlain({ claim, outcome, followUps, closesRateMs }: Settlement): boolean {
  return (
    outcome.kind === 'succeeded' && !followUps?.length && closesRateMs === undefined && numberIn(claim) !== undefined
  )
}

/** In the order in which they were said. */
function staleOf(
  { stale, staleNos }: Head,
  turn: Turn,
  plain: readonly Settlement[],
  others: readonly OtherEnd[],
): Claim[] {
  if (stale.length + staleNos.length === 0) return []
  const refusedNos = new Set(staleNos.map(String))
  const refused = new Set<object>(stale.map((index) => others[index]!))
  for (const settlement of plain) if (refusedNos.has(numberIn(settlement.claim)!)) refused.add(settlement)

  return [...turn.settled, ...turn.givenBack].filter((end) => refused.has(end)).map(({ claim }) => claim)
}
