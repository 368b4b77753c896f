/** What befalls a history from outside: deaths, freezes, a store that is away, clocks that are set. */
import type { History } from './history.ts'

export function unleash(history: History): void {
  const { world, plan } = history
  const { faults } = plan
  const often = (perSecond: number, befall: () => void) => {
    if (perSecond > 0) again(history, perSecond, befall)
  }
  often(faults.deaths, () => strike(history, 'from outside'))
  often(faults.freezes, () => freeze(history))
  often(faults.cuts, () => cut(history))
  often(faults.outages, () => {
    // Longer than two leases: who waits for the store must be there still when it returns.
    history.here.awayUntil = world.monotonic + plan.leaseMs * world.dice.between(0.2, 2.5)
    history.counters.faults++
    world.trace('the store is away')
  })
  if (faults.jumps) again(history, 0.2, () => jump(history))
}

/** What has ended in silence is noted before, lest it be pruned unseen. */
function jump({ world, checker }: History): void {
  const ms = world.dice.pick([-60_000, -3000, 2000, 75_000])
  checker.audit()
  world.plan(0, undefined, () => {
    world.trace(`the clock is set by ${ms} ms`)
    world.jump(ms)
  })
}

function again(history: History, perSecond: number, befall: () => void): void {
  const { world } = history
  const waitMs = (-Math.log(1 - world.dice.next()) * 1000) / perSecond
  world.plan(waitMs, undefined, () => {
    if (world.phase !== 'safety') return
    befall()
    again(history, perSecond, befall)
  })
}

function strike(history: History, how: string): void {
  const actor = victim(history)
  if (!actor) return
  history.counters.faults++
  actor.die(how)
}

function freeze(history: History): void {
  const actor = victim(history)
  if (!actor) return
  history.counters.faults++
  actor.freeze(history.plan.faults.freezeMs * history.world.dice.between(0.5, 1.5))
}

/** Others may be given its jobs while it goes on with them. */
function cut(history: History): void {
  const actor = victim(history)
  if (!actor) return
  history.counters.faults++
  actor.cutUntil = history.world.monotonic + history.plan.leaseMs * history.world.dice.between(0.5, 2.5)
  history.world.trace('is cut off', actor.name)
}

/** Mostly workers: they hold what can be lost. */
function victim(history: History) {
  const { dice } = history.world
  const living = [...history.living]
  const workers = living.filter(({ kind }) => kind === 'worker' || kind === 'hand')
  const from = workers.length > 0 && dice.chance(0.7) ? workers : living
  return from.length > 0 ? dice.pick(from) : undefined
}
