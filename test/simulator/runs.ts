/** What handlers did, told by themselves: which claims ran, where, whether they were told to end, how they ended. */
import type { Settlement } from '../../src/store/store.ts'
import type { Actor } from './actor.ts'
import { shortId, type Life, type Page } from './book.ts'
import type { Checker } from './checker.ts'

interface RunNote {
  readonly id: string
  readonly claim: number
  readonly actor: Actor
  readonly isTold: () => boolean
  ended: 'no' | 'well' | 'badly'
}

export interface StartNote {
  readonly id: string
  readonly claim: number
  readonly attempt: number
  readonly mostAttempts: number
  readonly isTold: () => boolean
}

/** So long after its worker was told of a cancel, without a fault, the handler must have been told. */
const cancelHeardMs = 300

export class Runs {
  readonly #checker: Checker
  readonly #notes = new Map<string, RunNote>()
  readonly #running = new Map<Actor, number>()
  started = 0

  constructor(checker: Checker) {
    this.#checker = checker
  }

  /** A handler has been called. */
  start(actor: Actor, slots: number, { id, claim, attempt, mostAttempts, isTold }: StartNote): void {
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
    this.#notes.set(key, { id, claim, actor, isTold, ended: 'no' })
  }

  end(actor: Actor, id: string, claim: number, ended: 'well' | 'badly'): void {
    this.#notes.get(`${id}@${claim}`)!.ended = ended
    this.#running.set(actor, this.#running.get(actor)! - 1)
  }

  /** A worker has settled a claim as this: its handler must have come to that end. */
  settledAs(life: Life, { claim: { id, claim }, outcome }: Settlement): void {
    if (life.actor.kind !== 'worker' || outcome.kind !== 'succeeded') return
    const note = this.#notes.get(`${id}@${claim}`)
    if (note?.ended !== 'well')
      this.#checker.violate('P6', `${life.actor.name} says that ${shortId(id)} succeeded, and its handler did not`)
    const kept = outcome.result === null ? undefined : (JSON.parse(outcome.result) as { claim?: number } | null)
    if (kept?.claim !== claim)
      this.#checker.violate('P6', `${life.actor.name} recorded the result of another run of ${shortId(id)}`)
  }

  /** A job is handed out again: whoever runs it still must have been told to end, unless it is dead or frozen. */
  grantedAnew(page: Page): void {
    const { world, violate } = this.#checker
    const note = this.#notes.get(`${page.id}@${page.claim}`)
    if (!note || note.ended !== 'no' || note.actor.dead) return
    if (world.monotonic < note.actor.frozenUntil + 1000 || note.isTold()) return
    violate('P8', `${note.actor.name} runs ${shortId(page.id)}, was not told to end, and another is given it`)
  }

  /** In a time without faults. */
  checkCancels(): void {
    const { world, book, violate } = this.#checker
    for (const note of this.#notes.values()) {
      const page = book.pages.get(note.id)
      if (note.ended !== 'no' || note.actor.dead || note.isTold() || page?.claim !== note.claim) continue
      if (page.cancel !== 'told' || page.toldAt === undefined) continue
      if (world.monotonic - Math.max(page.toldAt, note.actor.frozenUntil) > cancelHeardMs)
        violate('P12', `the handler of ${shortId(note.id)} does not hear that it is to be cancelled`)
    }
  }

  /** Jobs that were started more than once, and how often. */
  startsOf(id: string): number {
    let starts = 0
    for (const note of this.#notes.values()) if (note.id === id) starts++
    return starts
  }
}
