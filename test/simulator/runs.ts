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
  readonly startedAt: number
  readonly timeoutMs: number
  ended: 'no' | HowEnded
}

export interface StartNote {
  readonly id: string
  readonly claim: number
  readonly attempt: number
  readonly mostAttempts: number
  readonly timeoutMs: number
  readonly isTold: () => boolean
}

/** So long after its worker was told of a cancel, the handler must have been told. */
const cancelHeardMs = 300
/** So long after its timeout the end of a run must be recorded. */
const timedOutMs = 1500
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
  start(actor: Actor, slots: number, { id, claim, attempt, mostAttempts, isTold, timeoutMs }: StartNote): void {
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

    const running = (this.#running.get(actor) ?? 0) + 1
    this.#running.set(actor, running)
    if (running > slots) violate('P18', `${actor.name} ran ${running} jobs in ${slots} slots`)
    this.#notes.set(key, { id, claim, actor, isTold, startedAt: world.monotonic, timeoutMs, ended: 'no' })
  }

  end(actor: Actor, id: string, claim: number, ended: HowEnded): void {
    this.#notes.get(`${id}@${claim}`)!.ended = ended
    this.#running.set(actor, this.#running.get(actor)! - 1)
  }

  /** A worker has settled a claim as this: its handler must have come to that end. */
  settledAs(life: Life, { claim: { id, claim }, outcome }: Settlement): void {
    if (life.actor.kind !== 'worker') return
    const note = this.#notes.get(`${id}@${claim}`)
    if (outcome.kind === 'retry' || outcome.kind === 'failed') {
      if (note?.ended === 'interrupted' && outcome.error.name !== 'JobTimeoutError')
        this.#checker.violate('P13', `${shortId(id)} lost an attempt because ${life.actor.name} was stopped`)
    }
    if (outcome.kind !== 'succeeded' || this.#isOurs(id)) return
    if (note?.ended !== 'well')
      this.#checker.violate('P6', `${life.actor.name} says that ${shortId(id)} succeeded, and its handler did not`)
    const kept = outcome.result === null ? undefined : (JSON.parse(outcome.result) as { claim?: number } | null)
    if (kept?.claim !== claim)
      this.#checker.violate('P6', `${life.actor.name} recorded the result of another run of ${shortId(id)}`)
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
