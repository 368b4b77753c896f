/**
 * Where claims begin in the lines, so that they do not walk over rows that are dead and cannot be vacuumed, which is what makes
 * other queues slow under a long transaction.
 *
 * Two kinds of beginnings. A claim goes on where this process's last one ended, for half a second at most: what comes to stand
 * before that is passed over for so long. And below a floor nothing is ready and nothing comes: floors hold for as long as the era,
 * which the server compares (0021_floors.sql).
 */
import type { Env } from '../../env.ts'

const goesOnForMs = 500
/** A survey costs as much as a small turn. What has died since the last but one is what a claim walks over. */
const surveyedEachMs = 100
const surveyedEachJobs = 250

/** Where a claim begins, and what it may conclude from what it finds. */
export interface Beginning {
  /** Minus the queue's number, then a place for each rank. */
  readonly hints: number[] | null
  /** Given where the claim begins at the floors, which mean nothing in another one. */
  readonly era: string | null
  readonly survey: boolean
  /** All that was placed below this was committed, or never will be, before the claim began. */
  readonly settledBelow: number | undefined
}

/** What a turn says of the lines. */
export interface Looked {
  readonly era: string | null
  readonly survey: Survey | null
  /** Queue, rank and the first place that was taken, or -1, of the lines where a claim has begun at the floor. */
  readonly firsts: readonly number[]
}

interface Survey {
  /** The last place drawn. */
  readonly drawn: number
  /** Transactions that may have drawn some and are not over. */
  readonly open: readonly string[]
}

/** Places by queue, one for each rank. */
type Places = Map<number, number[]>

export class Floors {
  readonly #env: Env
  readonly #reached: Places = new Map()
  readonly #floors: Places = new Map()
  #begun = -Infinity
  #era = ''
  #settledBelow: number | undefined
  /** The survey whose open transactions are waited for. */
  #pending: Survey | undefined
  #surveyed = -Infinity
  #claimed = 0

  constructor(env: Env) {
    this.#env = env
  }

  begin(): Beginning {
    const now = this.#env.monotonic()
    if (now - this.#begun > goesOnForMs) {
      this.#reached.clear()
      this.#begun = now
    }
    const due = this.#settledBelow === undefined || this.#claimed >= surveyedEachJobs
    const survey = due && now - this.#surveyed >= surveyedEachMs
    if (survey) {
      this.#surveyed = now
      this.#claimed = 0
    }
    const era = this.#reached.size === 0 ? this.#era : null
    return { hints: this.#hints(), era, survey, settledBelow: this.#settledBelow }
  }

  /** Where nothing has to be passed over. */
  floors(): { hints: number[] | null; era: string } {
    return { hints: flat(this.#floors), era: this.#era }
  }

  claimed(queue: number, rank: number, place: number): void {
    this.#claimed += 1
    raise(this.#reached, queue, rank, place)
  }

  looked({ era, settledBelow }: Beginning, { era: now, survey, firsts }: Looked): void {
    if (now === null) return
    if (now !== this.#era) this.forget(now)
    else if (now === era && settledBelow !== undefined) this.#raise(firsts, settledBelow)
    if (survey) this.#note(survey)
  }

  /** Has the next claim begin at the floors: a job may have come back, or have been committed after a later one. */
  again(): void {
    this.#reached.clear()
  }

  forget(era = ''): void {
    this.#era = era
    this.#floors.clear()
    this.#settledBelow = undefined
    this.#pending = undefined
  }

  #hints(): number[] | null {
    if (this.#reached.size === 0) return flat(this.#floors)
    const both: Places = new Map([...this.#floors].map(([queue, places]) => [queue, [...places]]))
    for (const [queue, places] of this.#reached) places.forEach((place, rank) => raise(both, queue, rank, place))
    return flat(both)
  }

  #raise(firsts: readonly number[], settledBelow: number): void {
    for (let at = 0; at < firsts.length; at += 3) {
      const [queue, rank, first] = firsts.slice(at, at + 3) as [number, number, number]
      raise(this.#floors, queue, rank, first === -1 ? settledBelow : Math.min(first, settledBelow))
    }
  }

  #note(survey: Survey): void {
    const over = this.#pending && isOver(this.#pending, survey)
    if (over) this.#settledBelow = this.#pending!.drawn + 1
    if (survey.open.length === 0) this.#settledBelow = survey.drawn + 1
    if (over !== false) this.#pending = survey
  }
}

/** Whether none of those that were open then is open now; one that was prepared meanwhile goes by another name. */
function isOver(then: Survey, now: Survey): boolean {
  return !now.open.some((transaction) => then.open.includes(transaction) || transaction.startsWith('-1/'))
}

function raise(places: Places, queue: number, rank: number, place: number): void {
  const ofQueue = places.get(queue) ?? [0, 0, 0, 0]
  places.set(queue, ofQueue)
  if (place > ofQueue[rank]!) ofQueue[rank] = place
}

const flat = (places: Places): number[] | null =>
  places.size === 0 ? null : [...places].flatMap(([queue, ofQueue]) => [-queue, ...ofQueue])
