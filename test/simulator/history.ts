/** One history: its actors, who starts them again when they have died, and what they know of one another. */
import type { Env, Point } from '../../src/env.ts'
import { Bus } from '../../src/events/bus.ts'
import { jsonCodec } from '../../src/codec.ts'
import { Runtime } from '../../src/runtime.ts'
import { Registry } from '../../src/task/registry.ts'
import type { Claim, Store } from '../../src/store/store.ts'
import { Actor, envOf, type ActorKind } from './actor.ts'
import { startHand } from './actors/hand.ts'
import { startOperator, startRescuer, startScheduler } from './actors/others.ts'
import { startProducer } from './actors/producer.ts'
import type { App } from './actors/tasks.ts'
import { startWorker, type WorkerProcess } from './actors/worker.ts'
import { Checker } from './checker.ts'
import { faultyStore, type Counters, type FaultyWorld } from './faulty-store.ts'
import { openPlace, type Engine, type Place } from './place.ts'
import { drawPlan, type Plan } from './plan.ts'
import { World } from './world.ts'

export type Coverage = Map<Point, { passed: number; died: number }>

export class History {
  readonly world: World
  readonly plan: Plan
  readonly place: Place
  readonly checker: Checker
  readonly here: FaultyWorld
  readonly counters: Counters = { calls: 0, faults: 0 }
  readonly coverage: Coverage = new Map()
  readonly workers = new Set<WorkerProcess>()
  readonly living = new Set<Actor>()
  /** Jobs that each producer has still to ask for. */
  readonly producing = new Map<string, number>()
  /** Who will still signal, cancel or retry a flow. */
  readonly meddling = new Set<{ readonly actor: Actor }>()
  /** Who stays dead from now on. */
  readonly buried = new Set<string>()
  /** Somebody has changed how many slots a worker has. */
  resized = false

  constructor(seed: number, engine: Engine, listen?: (line: string) => void) {
    this.world = new World(seed, listen)
    this.plan = drawPlan(this.world.dice, engine)
    this.place = openPlace(engine, this.world, (name, actor) => this.#passPoint(name, actor))
    this.checker = new Checker(this.world, this.place.observer, this.plan)
    this.here = {
      world: this.world,
      faults: this.plan.faults,
      witness: this.checker,
      counters: this.counters,
      turnsInFlight: this.plan.turnsInFlight,
      upkeepLimits: this.plan.upkeepLimits,
      asking: new Map(),
      awayUntil: -Infinity,
    }
  }

  begin(): void {
    const { plan } = this
    for (let n = 0; n < plan.workers; n++) this.#start('worker', `worker ${n}`, startWorker)
    for (let n = 0; n < plan.hands; n++) this.#start('hand', `hand ${n}`, startHand)
    for (let n = 0; n < plan.rescuers; n++) this.#start('rescuer', `rescuer ${n}`, startRescuer)
    for (let n = 0; n < plan.schedulers; n++) this.#start('scheduler', `scheduler ${n}`, startScheduler)
    if (plan.operator) this.#start('operator', 'operator', startOperator)
    for (let n = 0; n < plan.producers; n++) {
      this.producing.set(`producer ${n}`, Math.ceil(plan.jobs / plan.producers))
      // One that has asked for all of its jobs has nothing to do in another life.
      this.#start('producer', `producer ${n}`, (history, name) => {
        const jobs = history.producing.get(name)
        if (jobs !== undefined) startProducer(history, name, jobs)
      })
    }
  }

  #starters = new Map<string, (history: History, name: string) => unknown>()

  #start(_: ActorKind, name: string, start: (history: History, name: string) => unknown): void {
    this.#starters.set(name, start)
    this.world.plan(this.world.dice.next() * 300, undefined, () => start(this, name))
  }

  /** A new life of an actor. When it dies, it is started again after a while. */
  enter(kind: ActorKind, name: string): Actor {
    const { world, plan } = this
    const actor = new Actor(world, kind, name)
    if (plan.faults.offsets) actor.clockOffsetMs = world.dice.between(-3_600_000, 3_600_000)
    actor.onDeath = () => this.#died(actor)
    this.living.add(actor)

    return actor
  }

  #died(actor: Actor): void {
    const { world } = this
    this.living.delete(actor)
    for (const each of this.workers) if (each.actor === actor) this.workers.delete(each)
    const start = this.#starters.get(actor.name)
    const restMs = world.dice.chance(0.3) ? 10 : world.dice.next() * 4000
    if (!start || this.buried.has(actor.name)) return
    world.plan(restMs, undefined, () => {
      if (this.buried.has(actor.name)) return
      if (world.phase === 'liveness' && actor.kind === 'hand') return
      start(this, actor.name)
    })
  }

  /** The process has come to its own end. */
  ended(actor: Actor): void {
    actor.die('by itself')
  }

  storeOf(actor: Actor): Store {
    return faultyStore(actor, this.place.open(actor), this.here)
  }

  envOf(actor: Actor): Env {
    return envOf(
      () => actor,
      (name, who) => this.#passPoint(name, who),
      { name: actor.name, offset: true },
    )
  }

  runtimeOf(actor: Actor, store: Store): Runtime {
    return new Runtime({
      env: this.envOf(actor),
      codec: jsonCodec,
      bus: new Bus(),
      registry: new Registry({}, 'a'),
      payloadBytes: 1000,
      openStore: async () => store,
    })
  }

  #passPoint(name: Point, actor: Actor): boolean {
    const { world, plan, coverage, counters } = this
    const at = coverage.get(name) ?? { passed: 0, died: 0 }
    coverage.set(name, at)
    at.passed++
    if (world.phase !== 'safety' || actor.kind === 'server') return false
    const dies = world.dice.chance(plan.crashes.get(name) ?? 0)
    if (dies) {
      at.died++
      counters.faults++
    }
    return dies
  }

  acknowledged(id: string): void {
    const { checker, world } = this
    const page = checker.book.pages.get(id)
    world.trace(`hears that ${id} is in`)
    if (page) page.acknowledged = true
    else checker.violate('P1', `somebody was told that ${id} is in, and it is not`)
  }

  finishedProducing(actor: Actor): void {
    this.producing.delete(actor.name)
  }

  knownIds(): string[] {
    return [...this.checker.book.pages.keys()]
  }

  /** A claim that somebody holds, or held. */
  someClaim(): Claim | undefined {
    const { dice } = this.world
    const pages = [...this.checker.book.pages.values()].filter(({ claim }) => claim > 0)
    if (pages.length === 0) return undefined
    const { id, claim } = dice.pick(pages)
    return { id, claim }
  }

  async stopSomeWorker(): Promise<void> {
    const [process] = [...this.workers].filter(({ actor }) => actor.frozenUntil < this.world.monotonic)
    await process?.worker.stop({ grace: this.world.dice.pick([0, 500]), abandon: this.world.dice.chance(0.3) })
  }

  /** What a handler does that spawns. */
  async enqueueFrom(_: Actor, app: App): Promise<void> {
    const handle = await app.tasks.plain.enqueue({ does: 'quick', ms: 2 }, { id: this.world.id() })
    this.acknowledged(handle.id)
  }

  async cancelFrom(app: App): Promise<void> {
    const known = this.knownIds()
    await app.errand.job(this.world.dice.pick(known)).cancel()
  }
}
