/**
 * What one history is made of, drawn from its seed: sizes, features, faults and their rates.
 *
 * Each history has only some of them (swarm testing): a fault that always comes hides what needs its absence,
 * and rare mixtures come up only where most else is away.
 */
import { points, type Point } from '../../src/env.ts'
import type { ScheduleOptions } from '../../src/schedule/rule.ts'
import type { UpkeepLimits } from '../../src/store/store.ts'
import type { Dice } from './dice.ts'

export interface Plan {
  /** How long faults last, in virtual time. */
  readonly safetyMs: number
  readonly jobs: number
  readonly producers: number
  readonly workers: number
  /** Workers of our own that speak to the store directly and send what no good worker would. */
  readonly hands: number
  readonly schedulers: number
  readonly rescuers: number
  readonly operator: boolean
  readonly queues: readonly string[]
  readonly leaseMs: number
  readonly turnsInFlight: number
  /** Of the tasks that are to be over soon. */
  readonly timeoutMs: number
  readonly keep: Kept
  /** What becomes of ticks that nobody was there to fire. */
  readonly missed: NonNullable<ScheduleOptions['missed']>
  /** What becomes of ticks whose predecessor's job has not ended, how long such a job takes, and when it is of no use any more. */
  readonly overlap: NonNullable<ScheduleOptions['overlap']>
  readonly tickMs: number
  readonly tickExpiresMs: number | undefined
  /** How long those behind a job that fails are held up. */
  readonly skipAfterMs: number | undefined
  readonly batch: { readonly size: number; readonly waitMs: number; readonly byKey: boolean }
  /** How much upkeep does at once, where nobody says: undefined where the store decides. */
  readonly upkeepLimits: Partial<UpkeepLimits> | undefined
  readonly features: Features
  readonly faults: Faults
  /** How often a process dies where it passes a named point. */
  readonly crashes: ReadonlyMap<Point, number>
  /** One worker stays dead when the faults are over. */
  readonly oneStaysDead: boolean
}

export interface Features {
  readonly unique: boolean
  readonly lanes: boolean
  readonly rates: boolean
  readonly dependencies: boolean
  readonly held: boolean
  readonly delays: boolean
  readonly expiry: boolean
  readonly followUps: boolean
  readonly once: boolean
  readonly ranks: boolean
  /** Many quick jobs at once, and workers that are stopped in the midst of them. */
  readonly bursts: boolean
  /** Many jobs that wait for one. */
  readonly fanOuts: boolean
  /** Jobs that run until they are told to end, or very long. */
  readonly longRuns: boolean
  /** Some of what has ended is retried when all is over, and then time passes until it may be pruned. */
  readonly secondLives: boolean
  /** Workflows, made and run by the runtime. */
  readonly flows: boolean
  /** Jobs of one key, one after the other. */
  readonly orders: boolean
  /** A rate that is closed by who is told to come later. */
  readonly paces: boolean
  readonly batches: boolean
}

/** How long a task's final jobs are kept. */
export interface Kept {
  readonly succeededMs: number
  readonly failedMs: number
}

/** Shares of calls, or times per second of virtual time. */
export interface Faults {
  readonly latencyMs: number
  readonly refusedBefore: number
  readonly unknownBefore: number
  readonly unknownAfter: number
  /** Of the answers that tell a worker what somebody wishes of it: they are rare, and must not be missed. */
  readonly wishesLost: number
  readonly busy: number
  readonly slow: number
  readonly slowMs: number
  readonly dieBeforeCall: number
  readonly dieAfterCall: number
  readonly earlyWaits: number
  readonly deaths: number
  readonly freezes: number
  readonly freezeMs: number
  readonly outages: number
  /** One process is cut off from the store, and the others are not. */
  readonly cuts: number
  readonly jumps: boolean
  readonly offsets: boolean
}

/** About one history in twelve has no fault at all: then every job runs exactly once. */
const calmShare = 0.08

export function drawPlan(dice: Dice, engine: string): Plan {
  const calm = dice.chance(calmShare)
  const leaseMs = dice.pick([1000, 2000, 3000, 4000, 8000, 8000])
  const some = (share: number) => !calm && dice.chance(share)
  const rate = (share: number, most: number) => (some(share) ? dice.between(most / 10, most) : 0)
  const small = engine === 'sqlite'

  return {
    safetyMs: dice.pick(small ? [5000, 7000, 9000] : [2000, 3000, 5000, 9000]),
    jobs: dice.whole(6, dice.pick([14, 24, 36])),
    producers: dice.whole(1, small ? 1 : 3),
    workers: dice.whole(1, 3),
    hands: dice.weighted([
      [5, 0],
      [4, 1],
      [1, 2],
    ]),
    schedulers: dice.weighted([
      [5, 0],
      [2, 1],
      [3, small ? 2 : 3],
    ]),
    rescuers: dice.whole(0, 1),
    operator: dice.chance(0.6),
    queues: ['a', 'b', 'c'].slice(0, dice.whole(1, 3)),
    leaseMs,
    turnsInFlight: dice.chance(0.3) ? 3 : 1,
    timeoutMs: dice.pick([800, 3000, 3000]),
    keep: dice.pick(retentions),
    missed: dice.pick(['once', 'skip', { atMost: 3 }] as const),
    ...drawOverlap(dice),
    skipAfterMs: dice.pick([undefined, undefined, 200, 1500]),
    batch: { size: dice.whole(2, 4), waitMs: dice.pick([50, 400, 1500]), byKey: dice.chance(0.5) },
    upkeepLimits: dice.chance(0.25) ? drawUpkeepLimits(dice) : undefined,
    features: drawFeatures(dice, small),
    faults: {
      latencyMs: dice.pick([0.5, 2, 20]),
      refusedBefore: rate(0.3, 0.05),
      unknownBefore: rate(0.4, 0.05),
      unknownAfter: rate(0.6, 0.06),
      wishesLost: some(0.4) ? dice.pick([0.3, 0.9]) : 0,
      busy: rate(0.25, 0.05),
      slow: rate(0.35, 0.04),
      slowMs: dice.pick([50, 500, leaseMs, 2 * leaseMs]),
      dieBeforeCall: rate(0.2, 0.01),
      dieAfterCall: rate(0.3, 0.015),
      earlyWaits: rate(0.3, 0.1),
      deaths: rate(0.4, 0.25),
      freezes: rate(0.35, 0.2),
      freezeMs: Math.min(12_000, dice.pick([0.5, 1.2, 2.5]) * leaseMs),
      outages: rate(0.2, 0.15),
      cuts: rate(0.3, 0.25),
      jumps: some(0.15),
      offsets: some(0.3),
    },
    crashes: calm ? new Map() : drawCrashes(dice),
    oneStaysDead: some(0.2),
  }
}

function drawOverlap(dice: Dice): Pick<Plan, 'overlap' | 'tickMs' | 'tickExpiresMs'> {
  const overlap = dice.pick(['allow', 'allow', 'skip', 'queue'] as const)
  if (overlap === 'allow') return { overlap, tickMs: 1, tickExpiresMs: undefined }

  return { overlap, tickMs: dice.pick([1, 600, 1500]), tickExpiresMs: dice.pick([undefined, undefined, 1500]) }
}

const minuteMs = 60_000
const hourMs = 60 * minuteMs

/** The first goes as soon as it may. Where they differ, it matters how a job ended last. */
export const retentions: readonly Kept[] = [
  { succeededMs: 0, failedMs: minuteMs },
  { succeededMs: 0, failedMs: minuteMs },
  { succeededMs: hourMs, failedMs: hourMs },
  { succeededMs: hourMs, failedMs: minuteMs },
  { succeededMs: 2 * minuteMs, failedMs: minuteMs },
]

/** What does not fit is left for the next call. */
function drawUpkeepLimits(dice: Dice): Partial<UpkeepLimits> {
  const few = () => dice.pick([1, 2, 5])
  return { promote: few(), rescue: few(), expire: few(), spread: few(), prune: few() }
}

function drawFeatures(dice: Dice, small: boolean): Features {
  return {
    unique: dice.chance(0.4),
    lanes: dice.chance(0.35),
    rates: dice.chance(0.2),
    dependencies: dice.chance(0.45),
    held: dice.chance(0.2),
    delays: dice.chance(0.5),
    expiry: dice.chance(0.35),
    followUps: dice.chance(0.5),
    once: dice.chance(0.3),
    ranks: dice.chance(0.5),
    bursts: dice.chance(0.15),
    fanOuts: dice.chance(small ? 0.12 : 0.05),
    longRuns: dice.chance(0.15),
    secondLives: dice.chance(0.3),
    flows: dice.chance(0.35),
    orders: dice.chance(0.15),
    paces: dice.chance(0.15),
    batches: dice.chance(0.15),
  }
}

/** Points that are passed seldom are died at more often. */
const mostAt: Partial<Record<Point, number>> = {
  'worker.before-give-back': 1,
  'report.before-commit': 0.15,
  'report.after-commit': 0.15,
  'insert.before-commit': 0.05,
  'insert.after-commit': 0.05,
  'worker.before-run': 0.03,
  'worker.after-run': 0.03,
}

function drawCrashes(dice: Dice): Map<Point, number> {
  const here = points.filter((point) => dice.chance(point === 'worker.before-give-back' ? 0.8 : 0.25))
  return new Map(here.map((point) => [point, dice.between(0.1, 1) * (mostAt[point] ?? 0.015)]))
}
