/**
 * A worker written by hand against the contract. It does what the runtime does not do yet, waits and steps, and what
 * nothing of ours should ever do: it settles, reports and gives back what it no longer holds, or never held.
 */
import type { Claim, ClaimedJob, NewJob, Report, Settlement, Store, Turn } from '../../../src/store/store.ts'
import type { Outcome } from '../../../src/outcome.ts'
import type { Actor } from '../actor.ts'
import type { History } from '../history.ts'
import { trying } from './others.ts'

const error = { name: 'Error', message: 'no' }

export function startHand(history: History, name: string): void {
  const actor = history.enter('hand', name)
  void new Hand(history, actor).live()
}

class Hand {
  readonly #history: History
  readonly #actor: Actor
  readonly #store: Store
  #incarnation = ''
  #held: ClaimedJob[] = []
  /** Everything it was ever given. */
  readonly #ever: ClaimedJob[] = []
  #unsure = false

  constructor(history: History, actor: Actor) {
    this.#history = history
    this.#actor = actor
    this.#store = history.storeOf(actor)
  }

  get #dice() {
    return this.#history.world.dice
  }

  async live(): Promise<void> {
    const { world, plan } = this.#history
    for (;;) {
      await this.#actor.sleep(this.#dice.next() * 600)
      if (world.phase === 'liveness') return this.#retire()
      await trying(this.#incarnation === '' ? this.#join(plan.leaseMs) : this.#act())
    }
  }

  async #join(leaseMs: number): Promise<void> {
    const { queues } = this.#history.plan
    const worker = { name: this.#actor.name, host: 'hand', pid: 1, queues, tasks: ['plain'], slots: 3, leaseMs }
    this.#incarnation = await this.#store.join(worker)
    this.#held = []
    this.#unsure = false
  }

  async #act(): Promise<void> {
    if (this.#unsure) return this.#resync()
    if (this.#dice.chance(0.2)) await this.#report()
    if (this.#dice.chance(0.04)) return this.#leave()
    await this.#turn()
  }

  async #resync(): Promise<void> {
    const answer = await this.#store.resync(this.#incarnation)
    if (answer === 'gone') this.#incarnation = ''
    else this.#held = [...answer.held]
    this.#unsure = false
  }

  async #turn(): Promise<void> {
    const dice = this.#dice
    const ending = this.#held.filter(() => dice.chance(0.5))
    const givenBack = ending.filter(() => dice.chance(0.2))
    const turn: Turn = {
      incarnation: this.#incarnation,
      settled: [...ending.filter((job) => !givenBack.includes(job)), ...this.#stray()].map((job) =>
        this.#settlement(job),
      ),
      givenBack: [...givenBack, ...this.#stray()].map((claim) => ({
        claim,
        ...(dice.chance(0.3) && { delayMs: 300 }),
      })),
      room: [{ queues: this.#history.plan.queues, jobs: Math.max(0, 3 - this.#held.length), bottomUp: dice.below(2) }],
    }
    this.#unsure = true
    const answer = await this.#store.turn(turn)
    this.#unsure = false
    if (answer.gone) this.#incarnation = ''
    else this.#held = [...this.#held.filter((job) => !ending.includes(job)), ...answer.claimed]
    if (!answer.gone) this.#ever.push(...answer.claimed)
  }

  /** Now and then a claim of long ago, or of somebody else. */
  #stray(): Claim[] {
    const dice = this.#dice
    if (!dice.chance(0.3)) return []
    const foreign = this.#history.someClaim()
    const mine = this.#ever.filter((job) => !this.#held.includes(job))
    if (foreign && dice.chance(0.5)) return [foreign]
    return mine.length > 0 ? [dice.pick(mine)] : []
  }

  #settlement(claim: Claim): Settlement {
    const dice = this.#dice
    const outcome = dice.weighted<() => Outcome>([
      [5, () => ({ kind: 'succeeded', result: `{"claim":${claim.claim}}` })],
      [2, () => ({ kind: 'failed', error })],
      // No task is tried more often than twice by everybody.
      [this.#mayRetry(claim) ? 2 : 0, () => ({ kind: 'retry', error, delayMs: dice.pick([0, 400]) })],
      [1, () => ({ kind: 'cancelled' })],
      [2, () => ({ kind: 'wait', on: this.#others(claim.id) })],
      [1, () => ({ kind: 'wait', on: dice.pick([[], this.#others(claim.id)]), delayMs: dice.pick([0, 400]) })],
    ])()
    // Where it waits for others and holds its line, one of them may stand behind it for ever.
    const mayHold = outcome.kind === 'retry' || (outcome.kind === 'wait' && outcome.on.length === 0)
    return {
      claim,
      outcome,
      ranMs: 1,
      ...(dice.chance(0.3) && { followUps: [this.#followUp()] }),
      ...(mayHold && dice.chance(0.5) && { keepsSlot: true }),
      ...(this.#history.plan.features.paces && dice.chance(0.2) && { closesRateMs: dice.pick([200, 1500]) }),
    }
  }

  /** It exists if and only if the settlement is accepted, and the job has succeeded by it. */
  #followUp(): NewJob {
    const { world, plan } = this.#history
    const keep = { keepSucceededMs: 3_600_000, keepFailedMs: 3_600_000 }
    return { id: world.id(), task: 'plain', queue: plan.queues[0]!, rank: 2, input: '{"does":"quick","ms":1}', ...keep }
  }

  #mayRetry({ id, claim }: Claim): boolean {
    return this.#held.some((job) => job.id === id && job.claim === claim && job.attempt < 2)
  }

  #others(id: string): string[] {
    // Within a workflow, or of a later one, it might be one that waits for this.
    const known = this.#history.knownIds().filter((other) => rootOf(other) < rootOf(id))
    return known.length > 0 ? [this.#dice.pick(known)] : []
  }

  async #report(): Promise<void> {
    const dice = this.#dice
    const claims: Claim[] = [...this.#held.slice(0, 1), ...this.#stray()]
    const reports = claims.map((claim): Report =>
      dice.pick<Report>([
        { kind: 'step', claim, name: dice.pick(['one', 'two']), result: `${dice.below(9)}` },
        { kind: 'progress', claim, progress: { done: dice.below(9) } },
        { kind: 'log', claim, line: { at: 0, level: 'info', message: 'hand' } },
      ]),
    )
    if (reports.length > 0) await this.#store.report(this.#incarnation, reports)
  }

  async #leave(): Promise<void> {
    this.#unsure = true
    await this.#store.leave(this.#incarnation)
    this.#incarnation = ''
  }

  /** Its jobs are for others now: in good order, or by the end of its lease. */
  async #retire(): Promise<void> {
    if (this.#incarnation !== '' && this.#dice.chance(0.5)) await trying(this.#store.leave(this.#incarnation))
  }
}

const rootOf = (id: string): string => id.split(/[.:]/, 1)[0]!
