/** What handlers did, told by themselves: which claims ran, where, whether they were told to end, how they ended. */
import type { Settlement } from '../../src/store/store.ts'
import { builtInPrefix } from '../../src/workflow/built-in.ts'
import type { Actor } from './actor.ts'
import { shortId, type Life, type Page } from './book.ts'
import type { Checker } from './checker.ts'

/** Interrupted: badly, after its worker told it to stop. */
type HowEnded = 'well' | 'badly' | 'interrupted'

interface RunNote {
  readonly id: string
  readonly claim: number
  readonly actor: Actor
  readonly isTold: () => boolean
  readonly attempt: number
  readonly shares: boolean
  readonly startedAt: number
  readonly timeoutMs: number
  /** It has asked for its rate to be closed for so long. */
  closesMs?: number
  ended: 'no' | HowEnded
  endedAt?: number
}

export interface StartNote {
  readonly id: string
  readonly claim: number
  readonly attempt: number
  readonly mostAttempts: number
  readonly timeoutMs: number
  readonly isTold: () => boolean
  /** It has no slot of its own, but that of another item of its batch. */
  readonly shares?: boolean
}

/** So long after its worker was told of a cancel, the handler must have been told. */
const cancelHeardMs = 300
/** So long after its timeout the end of a run must be recorded. */
const timedOutMs = 1500
/** Workers count in whole milliseconds. */
const roundingMs = 2
/** So long after the last fault, its worker may still be in trouble: it rests up to 5 s before it asks again. */
const afterTroubleMs = 7000

export class Runs {
  readonly #checker: Checker
  readonly #notes = new Map<string, RunNote>()
  readonly #running = new Map<Actor, number>()
  started = 0

  constructor(checker: Checker) {
    this.#checker = checker
  }

  /** A handler has been called. */
  start(actor: Actor, slots: number, note: StartNote): void {
    const { id, claim, attempt, mostAttempts, isTold, timeoutMs, shares = false } = note
    const { violate, book, world } = this.#checker
    const key = `${id}@${claim}`
    this.started++
    world.trace(`starts ${shortId(id)} as ${claim}`, actor.name)
    if (this.#notes.has(key)) violate('P7', `${actor.name} started ${shortId(id)} twice under one claim`)
    if (attempt > mostAttempts) violate('P13', `${shortId(id)} started its attempt ${attempt} of ${mostAttempts}`)
    const page = book.pages.get(id)
    if (!page || page.claim < claim)
      violate('P5', `${actor.name} started ${shortId(id)} under a claim it was not given`)
    if (page?.claim === claim && page.holder === undefined && !page.lost)
      violate('P6', `${actor.name} started ${shortId(id)}, though it had given it up`)

    const running = (this.#running.get(actor) ?? 0) + (shares ? 0 : 1)
    this.#running.set(actor, running)
    if (running > slots) violate('P18', `${actor.name} ran ${running} jobs in ${slots} slots`)
    if (page && attempt === 1) page.firstTryAt = world.monotonic
    this.#notes.set(key, {
      id,
      claim,
      actor,
      attempt,
      shares,
      isTold,
      startedAt: world.monotonic,
      timeoutMs,
      ended: 'no',
    })
  }

  end(actor: Actor, id: string, claim: number, ended: HowEnded): void {
    const note = this.#notes.get(`${id}@${claim}`)!
    note.ended = ended
    note.endedAt = this.#checker.world.monotonic
    if (!note.shares) this.#running.set(actor, this.#running.get(actor)! - 1)
  }

  /** A handler asks for later, which is true of all that its rate holds back. */
  asksForLater(id: string, claim: number, ms: number): void {
    this.#notes.get(`${id}@${claim}`)!.closesMs = ms
  }

  /** A worker has settled a claim as this: its handler must have come to that end. */
  settledAs(life: Life, settlement: Settlement): void {
    const {
      claim: { id, claim },
      outcome,
    } = settlement
    if (life.actor.kind !== 'worker') return
    const note = this.#notes.get(`${id}@${claim}`)
    if (outcome.kind === 'retry' || outcome.kind === 'failed') {
      if (note?.ended === 'interrupted' && outcome.error.name !== 'JobTimeoutError')
        this.#checker.violate('P13', `${shortId(id)} lost an attempt because ${life.actor.name} was stopped`)
      if (note?.ended === 'well' && outcome.error.name !== 'JobTimeoutError')
        this.#checker.violate('P6', `${life.actor.name} says that ${shortId(id)} failed, and its handler did well`)
      if (note?.closesMs && outcome.error.name === 'RetryAfter' && settlement.closesRateMs !== note.closesMs)
        this.#checker.violate('P21', `${shortId(id)} asked to close its rate, and ${life.actor.name} did not`)
    }
    if (note) this.#checkLine(note, settlement)
    if (outcome.kind !== 'succeeded' || this.#isOurs(id)) return
    if (note?.ended !== 'well')
      this.#checker.violate('P6', `${life.actor.name} says that ${shortId(id)} succeeded, and its handler did not`)
    const kept = outcome.result === null ? undefined : (JSON.parse(outcome.result) as { claim?: number } | null)
    if (kept?.claim !== claim)
      this.#checker.violate('P6', `${life.actor.name} recorded the result of another run of ${shortId(id)}`)
  }

  /** Who is tried again, or waits, holds its line until its time to be held to is over. */
  #checkLine({ id, attempt, startedAt, endedAt, actor }: RunNote, { outcome, keepsSlot }: Settlement): void {
    const { book, world, plan, clocksAgree } = this.#checker
    const page = book.pages.get(id)
    if (page?.job.task !== 'serial' || (outcome.kind !== 'retry' && outcome.kind !== 'wait')) return
    this.#checker.happened(keepsSlot ? 'a job held its line' : 'a job let its line go')
    const { skipAfterMs } = plan
    const delayMs = outcome.delayMs ?? 0
    const heldMs = world.monotonic + delayMs - (page.firstTryAt ?? -Infinity)
    const mustHold = skipAfterMs === undefined || (clocksAgree && heldMs <= skipAfterMs - roundingMs)
    if (mustHold && !keepsSlot)
      this.#checker.violate('P19', `${actor.name} let others go past ${shortId(id)} before its time was over`)
    if (skipAfterMs === undefined || !keepsSlot || !clocksAgree || page.stepsInDoubt) return
    // It was decided when its run ended, or by its timeout before.
    if (outcome.kind === 'retry' && outcome.error.name === 'JobTimeoutError') return
    const since = attempt === 1 ? startedAt : page.firstTryAt
    if (since === undefined || endedAt === undefined || plan.hands > 0) return
    const leastMs = endedAt + delayMs - since
    if (leastMs > skipAfterMs + roundingMs)
      this.#checker.violate('P19', `${shortId(id)} holds its line for longer than it may`)
  }

  /** Its handler is the runtime's own, and tells nothing. */
  #isOurs(id: string): boolean {
    return this.#checker.book.pages.get(id)?.job.task.startsWith(builtInPrefix) ?? false
  }

  /** A job is handed out again: whoever runs it still must have been told to end, unless it is dead or frozen. */
  grantedAnew(page: Page): void {
    const { world, violate } = this.#checker
    const note = this.#notes.get(`${page.id}@${page.claim}`)
    if (!note || note.ended !== 'no' || note.actor.dead) return
    if (world.monotonic < note.actor.frozenUntil + 1000 || note.isTold()) return
    violate('P8', `${note.actor.name} runs ${shortId(page.id)}, was not told to end, and another is given it`)
  }

  /** What is still held by the worker that runs it: whether it hears of its cancel, and ends by its timeout. */
  checkHeard(): void {
    const { world, book, violate } = this.#checker
    const now = world.monotonic
    for (const { id, claim, actor, ended, isTold, startedAt, timeoutMs } of this.#notes.values()) {
      const page = book.pages.get(id)
      if (actor.dead || page?.claim !== claim || page.holder?.actor !== actor) continue
      const calmAt = Math.max(actor.troubledUntil, actor.frozenUntil) + afterTroubleMs
      if (ended === 'no' && page.cancel === 'told' && now > Math.max(page.toldAt! + cancelHeardMs, calmAt) && !isTold())
        violate('P12', `the handler of ${shortId(id)} does not hear that it is to be cancelled`)
      if (now > Math.max(startedAt + timeoutMs + timedOutMs, calmAt))
        violate('P15', `${shortId(id)} has not ended by its timeout`)
    }
  }

  /** Jobs that were started more than once, and how often. */
  startsOf(id: string): number {
    let starts = 0
    for (const note of this.#notes.values()) if (note.id === id) starts++
    return starts
  }
}
