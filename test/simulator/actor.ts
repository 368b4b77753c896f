/** One life of a process: it can be frozen, and dies at a named point, at a call of the store or from outside. */
import type { Env, Point, Timer } from '../../src/env.ts'
import { Died, type World } from './world.ts'

export type ActorKind = 'worker' | 'producer' | 'scheduler' | 'rescuer' | 'operator' | 'hand' | 'server'

const nothing: Timer = { cancel: () => {} }

export class Actor {
  readonly name: string
  readonly kind: ActorKind
  readonly world: World
  /** How far its own clock is from the store's. */
  clockOffsetMs = 0
  frozenUntil = -Infinity
  /** Cut off from the store alone. */
  cutUntil = -Infinity
  /** When a fault last touched one of its calls. */
  troubledUntil = -Infinity
  dead = false
  /** Told when it dies. */
  onDeath: () => void = () => {}

  constructor(world: World, kind: ActorKind, name: string) {
    this.world = world
    this.kind = kind
    this.name = name
  }

  /** From here on nothing that it does has any effect. */
  die(how: string): void {
    if (this.dead) return
    this.dead = true
    this.world.trace(`dies ${how}`, this.name)
    this.onDeath()
  }

  freeze(ms: number): void {
    this.frozenUntil = Math.max(this.frozenUntil, this.world.monotonic + ms)
    this.world.trace(`freezes for ${Math.round(ms)} ms`, this.name)
  }

  after(ms: number, happen: () => void): Timer {
    return this.dead ? nothing : this.world.plan(ms, this, happen)
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve))
  }
}

/** Decides at a named point whether the actor dies there, and counts. */
export type PassPoint = (name: Point, actor: Actor) => boolean

/** The world as an actor's process sees it; `offset` is false for a store, which goes by the machine's clock. */
export function envOf(actor: () => Actor, passPoint: PassPoint, host: { name: string; offset: boolean }): Env {
  const { world } = actor()
  return {
    now: () => world.wall() + (host.offset ? Math.round(actor().clockOffsetMs) : 0),
    monotonic: () => world.monotonic,
    bootId: 'boot-1',
    after: (ms, callback) => actor().after(ms, callback),
    soon: (callback) => void actor().after(0, callback),
    random: () => world.dice.next(),
    id: () => world.id(),
    host: host.name,
    pid: 1,
    point: (name) => {
      const who = actor()
      if (!who.dead && !passPoint(name, who)) return
      who.die(`at ${name}`)
      throw new Died(`${who.name} died at ${name}`)
    },
  }
}
