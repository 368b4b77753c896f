/**
 * A store as one actor reaches it: calls take time, fail before or after their effect, and the caller may die
 * on the way. What the store really did and answered is told to the checker, also where the caller never hears it.
 */
import { StoreBusyError, UnknownOutcomeError } from '../../src/errors.ts'
import type { Store, TurnResult, UpkeepLimits, WaitResult } from '../../src/store/store.ts'
import type { Actor } from './actor.ts'
import type { Faults } from './plan.ts'
import { Died, type World } from './world.ts'

/** Hears of every call that reached the store, in the order of their effects. */
export interface Witness {
  sent(actor: Actor, member: string, args: readonly unknown[]): void
  answered(actor: Actor, member: string, args: readonly unknown[], answer: unknown): void
  /** The store's error, or a death within the call: what became of it is not known. */
  broke(actor: Actor, member: string, args: readonly unknown[], error: unknown): void
}

export interface Counters {
  calls: number
  faults: number
}

export interface FaultyWorld {
  readonly world: World
  readonly faults: Faults
  readonly witness: Witness
  readonly counters: Counters
  /** How many turns a worker may have under way, as if the store were on a server. */
  readonly turnsInFlight: number
  /** How much upkeep does at once, where its caller does not say. */
  readonly upkeepLimits: Partial<UpkeepLimits> | undefined
  /** Who has asked for work and was not answered yet. */
  readonly asking: Map<object, Actor>
  /** Until when the store is away. */
  awayUntil: number
}

type Members = Record<string, (...args: unknown[]) => Promise<unknown>>

/** The errors made here, so that none of the system's own passes for one of them. */
export const injected = new WeakSet<object>()

const asksForWork = new Set(['insert', 'retry', 'schedules.fire'])

function tellsWishes(member: string, answer: unknown): boolean {
  if (member !== 'turn') return false
  const told = answer as TurnResult
  return !told.gone && told.cancels.length + told.messages.length > 0
}

const never = () => new Promise<never>(() => {})

/** What is no single call that comes and goes, or is made inside a caller's transaction. */
const special = ['wait', 'settled', 'events', 'close', 'insertWith', 'settleWith', 'constructor']

export function faultyStore(actor: Actor, store: Store, here: FaultyWorld): Store {
  const wrapped = (from: object, prefix: string) =>
    Object.fromEntries(
      methodsOf(from)
        .filter((name) => !special.includes(name))
        .map((name) => [
          name,
          (...args: unknown[]) =>
            new Call(actor, here, prefix + name, args, () => (from as Members)[name]!(...args)).answer,
        ]),
    )
  const wrappedHere = wrapped(store, '')
  const upkeep = wrappedHere['upkeep']!
  return {
    ...wrappedHere,
    upkeep: (limits = here.upkeepLimits) => upkeep(limits),
    engine: store.engine,
    limits: { ...store.limits, turnsInFlight: here.turnsInFlight },
    capabilities: store.capabilities,
    schedules: wrapped(store.schedules, 'schedules.'),
    wait: (...args: Parameters<Store['wait']>) => waitThrough(actor, store, here, args),
    settled: (...args: Parameters<Store['settled']>) => (actor.dead ? never() : store.settled(...args)),
    events: (...args: Parameters<Store['events']>) => store.events(...args),
    close: async () => {},
  } as unknown as Store
}

function methodsOf(object: object): string[] {
  const names = new Set<string>()
  for (let level = object; level !== Object.prototype; level = Object.getPrototypeOf(level) as object) {
    for (const name of Object.getOwnPropertyNames(level)) names.add(name)
  }
  return [...names].filter((name) => typeof Reflect.get(object, name) === 'function')
}

/** May always return early. */
async function waitThrough(
  actor: Actor,
  store: Store,
  { faults, counters, world }: FaultyWorld,
  args: Parameters<Store['wait']>,
): Promise<WaitResult> {
  if (actor.dead) return never()
  counters.calls++
  if (world.phase === 'safety' && world.dice.chance(faults.earlyWaits)) return 'work'
  const why = await store.wait(...args)
  return actor.dead ? never() : why
}

class Call {
  readonly answer: Promise<unknown>
  readonly #actor: Actor
  readonly #here: FaultyWorld
  readonly #member: string
  readonly #args: readonly unknown[]
  readonly #act: () => Promise<unknown>
  #resolve!: (answer: unknown) => void
  #reject!: (error: unknown) => void

  constructor(actor: Actor, here: FaultyWorld, member: string, args: readonly unknown[], act: () => Promise<unknown>) {
    this.#actor = actor
    this.#here = here
    this.#member = member
    this.#args = args
    this.#act = act
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    if (actor.dead) return
    here.counters.calls++
    here.witness.sent(actor, member, args)
    if (asksForWork.has(member)) here.asking.set(this, actor)
    actor.after(this.#travelMs, () => this.#arrive())
  }

  get #faulty(): boolean {
    return this.#here.world.phase === 'safety'
  }

  get #travelMs(): number {
    const { world, faults } = this.#here
    if (this.#faulty && world.dice.chance(faults.slow)) {
      const ms = world.dice.next() * faults.slowMs
      this.#actor.troubledUntil = Math.max(this.#actor.troubledUntil, world.monotonic + ms)
      return this.#fault('slow', ms)
    }
    return world.dice.next() * faults.latencyMs
  }

  #fault<T>(what: string, value: T): T {
    this.#here.counters.faults++
    this.#actor.troubledUntil = Math.max(this.#actor.troubledUntil, this.#here.world.monotonic)
    this.#here.world.trace(`${what}: ${this.#member}`, this.#actor.name)
    return value
  }

  #arrive(): void {
    const { world, faults, awayUntil } = this.#here
    if (world.monotonic < Math.max(awayUntil, this.#actor.cutUntil)) return this.#fail('away', world.dice.chance(0.5))
    if (!this.#faulty) return this.#carryOut()
    const { dice } = world

    if (dice.chance(faults.refusedBefore)) return this.#fail('refused', false)
    if (dice.chance(faults.unknownBefore)) return this.#fail('unknown, not done', true)
    if (dice.chance(faults.busy)) return this.#replyError(this.#fault('busy', new StoreBusyError(30_000)))
    if (dice.chance(faults.dieBeforeCall)) return this.#fault('dies before', this.#actor.die(`before ${this.#member}`))
    this.#carryOut()
  }

  #carryOut(): void {
    const { world, witness } = this.#here
    world.caller = this.#actor
    this.#act().then(
      (answer) => {
        witness.answered(this.#actor, this.#member, this.#args, answer)
        this.#return(answer)
      },
      (error: unknown) => {
        witness.broke(this.#actor, this.#member, this.#args, error)
        if (!(error instanceof Died)) this.#replyError(error)
      },
    )
  }

  #return(answer: unknown): void {
    const { world, faults } = this.#here
    const { dice } = world
    const lost = tellsWishes(this.#member, answer)
      ? Math.max(faults.wishesLost, faults.unknownAfter)
      : faults.unknownAfter
    if (this.#faulty && dice.chance(lost)) return this.#fail('unknown, done', true)
    if (this.#faulty && dice.chance(faults.dieAfterCall))
      return this.#fault('dies after', this.#actor.die(`after ${this.#member}`))
    this.#actor.after(this.#travelMs, () => {
      this.#here.asking.delete(this)
      this.#resolve(answer)
    })
  }

  #fail(what: string, unknown: boolean): void {
    const error = unknown
      ? new UnknownOutcomeError(`a call of ${this.#member}`, [], undefined)
      : new Error(`The store cannot be reached (${this.#member}).`)
    this.#fault(what, undefined)
    this.#replyError(error)
  }

  #replyError(error: unknown): void {
    if (error instanceof Error) injected.add(error)
    this.#actor.after(this.#travelMs, () => {
      this.#here.asking.delete(this)
      this.#reject(error)
    })
  }
}
