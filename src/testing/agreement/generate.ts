/** Random scripts: few names and short times, so that everything meets everything. */
import type { Rank } from '../../job.ts'
import type { Outcome } from '../../outcome.ts'
import type { JobChange, JobQuery, Lane, LimitQuery, LimitValue, NewJob, Room } from '../../store/store.ts'
import type { Command, Pick, Script, ScriptedReport, ScriptedSettlement } from './script.ts'

const workers = 4
/** How far back a command looks for a job or a worker to speak of. */
const recent = { jobs: 14, workers: 4 }

/** A script that depends on `chance` alone, which gives numbers from 0 up to 1. */
export function generateScript(chance: () => number, length: number): Script {
  const dice = new Dice(chance)
  const first: Command[] = [{ do: 'events' }, ...dice.list(workers, workers, () => join(dice))]
  const commands = Array.from({ length }, (_, index): Command => {
    if (index % 25 === 24) return { do: 'look' }
    return dice.weighted(kinds)(dice)
  })
  return [...first, ...commands, { do: 'look' }]
}

const kinds: readonly (readonly [number, (dice: Dice) => Command])[] = [
  [
    20,
    (dice) => ({
      do: 'insert',
      calls: dice.list(1, 2, () => dice.list(1, 4, () => job(dice))),
      ...(dice.chance(0.15) && { startedBy: { worker: worker(dice), claim: claim(dice) } }),
    }),
  ],
  [45, turn],
  [9, join],
  [2, (dice) => ({ do: 'leave', worker: worker(dice) })],
  [4, (dice) => ({ do: 'resync', worker: worker(dice) })],
  [2, (dice) => ({ do: 'wait', worker: worker(dice), queues: dice.some(queues), ms: 1_000 })],
  [6, (dice) => ({ do: 'report', worker: worker(dice), reports: dice.list(1, 3, () => report(dice)) })],
  [2, (dice) => ({ do: 'settled', ids: ids(dice) })],
  [6, (dice) => ({ do: 'change', ids: ids(dice), change: change(dice) })],
  [7, (dice) => ({ do: 'cancel', ids: ids(dice) })],
  [10, (dice) => ({ do: 'retry', ids: ids(dice) })],
  [4, (dice) => ({ do: 'remove', ids: ids(dice) })],
  [4, (dice) => ({ do: 'release', held: ids(dice).map((id) => ({ id, result: dice.pick(['1', null]) })) })],
  [1, (dice) => ({ do: 'get', ids: ids(dice) })],
  [1, (dice) => ({ do: 'history', id: id(dice) })],
  [1, (dice) => ({ do: 'members', id: id(dice) })],
  [4, (dice) => ({ do: 'find', query: query(dice) })],
  [1, () => ({ do: 'counts' })],
  [1, () => ({ do: 'workers' })],
  [1, () => ({ do: 'now' })],
  [1, () => ({ do: 'inspect' })],
  [1, (dice) => ({ do: 'stats', minutes: dice.below(4) })],
  [3, (dice) => ({ do: 'pause', queue: dice.pick(queues), paused: dice.chance(0.4) })],
  [3, (dice) => ({ do: 'limit', name: dice.pick(limitNames), value: limit(dice) })],
  [3, (dice) => ({ do: 'listLimits', query: limitQuery(dice) })],
  [
    8,
    (dice) => ({
      do: 'upkeep',
      limits: dice.chance(0.3) ? { promote: 1, rescue: 1, expire: 1 } : {},
    }),
  ],
  [
    2,
    (dice) => ({
      do: 'schedules.put',
      schedules: [{ name: dice.pick(names), ...rule(dice), nextAt: dice.pick([5, 7, 9, null]) }],
    }),
  ],
  [1, (dice) => ({ do: 'schedules.pause', name: dice.pick(names), paused: dice.chance(0.3) })],
  [1, (dice) => ({ do: 'schedules.remove', names: dice.some(names) })],
  [1, (dice) => ({ do: 'schedules.get', names: dice.some(names) })],
  [1, () => ({ do: 'schedules.list' })],
  [1, (dice) => ({ do: 'schedules.due', limit: 1 + dice.below(3) })],
  [
    4,
    (dice) => ({
      do: 'schedules.fire',
      name: dice.pick(names),
      nextInMs: dice.pick([1_000, 2_000, null]),
      ...(dice.chance(0.2) && { late: true }),
      ...(dice.chance(0.8) && { job: job(dice, extra(dice)) }),
    }),
  ],
  [
    2,
    (dice) => ({
      do: 'send',
      worker: dice.pick([worker(dice), 'all']),
      message: dice.pick([{ kind: 'quiet' }, { kind: 'stop' }, { kind: 'resize', slots: 2 }]),
    }),
  ],
  [14, (dice) => ({ do: 'advance', ms: dice.pick([1, 10, 500, 1_000, 3_000]) })],
  [
    8,
    (dice) => ({
      do: 'pass',
      ms: dice.pick([1_000, 3_000, 10_000, 10_000]),
      alive: dice.list(0, 2, () => worker(dice)),
    }),
  ],
  [1, (dice) => ({ do: 'advance', ms: dice.pick([30_000, 70_000]) })],
  [2, (dice) => ({ do: 'jump', ms: dice.jumps ? dice.pick([-5_000, 5_000, -60_000]) : 5_000 })],
]

const queues = ['q0', 'q1'] as const
const tasks = ['t0', 't1'] as const
const names = ['s0', 's1'] as const
const limitNames = ['l0', 'l1', 'r0', 'r1', 'both'] as const
const ranks: readonly Rank[] = [0, 1, 2, 2, 2, 3]
const error = { name: 'Error', message: 'no' }

/** Jobs that are inserted have mostly new ids; those that may never come to be have ids of their own. */
function job(dice: Dice, name = dice.chance(0.95) ? dice.newJob() : id(dice)): NewJob {
  return {
    id: name,
    task: dice.pick(tasks),
    queue: dice.pick(queues),
    rank: dice.pick(ranks),
    input: dice.pick(['1', '{"a":{"b":1}}', '{"a":{"b":"1"}}']),
    keepSucceededMs: dice.pick([0, 60_000, 90_000]),
    keepFailedMs: dice.pick([0, 60_000, 600_000]),
    ...(dice.chance(0.15) && { due: { inMs: dice.pick([1, 500, 2_000, 20_000]) } }),
    ...(dice.chance(0.1) && { expires: { inMs: dice.pick([1, 1_000, 5_000]) } }),
    ...(dice.chance(0.1) && { once: true }),
    ...(dice.chance(0.25) && { unique: unique(dice) }),
    ...(dice.chance(dice.lanes ? 0.8 : 0.25) && { lane: lane(dice) }),
    ...(!dice.jumps &&
      dice.chance(dice.rates ? 0.7 : 0.2) && {
        rate: { name: dice.pick(['r0', 'r1', 'both']), tokens: 1 + dice.below(2), perMs: 2_000 },
      }),
    ...(dice.chance(0.25) && { after: { on: olderIds(dice), otherwise: dice.pick(['cancel', 'run']) } }),
    ...(dice.chance(0.06) && { held: true }),
    ...(dice.chance(0.15) && { tags: tags(dice) }),
    ...(dice.chance(0.1) && { metadata: '{"m":1}', version: 2, redact: ['input.a'] }),
    ...(dice.chance(0.08) && { onSucceeded: followUp(dice) }),
    ...(dice.chance(0.08) && { onFailed: followUp(dice) }),
  }
}

/** Of those by which jobs are found quickly, a job has at most one. */
function tags(dice: Dice): string[] {
  return [...dice.some(['red', 'blue']), ...(dice.chance(0.5) ? [partOf(dice)] : [])]
}

function partOf(dice: Dice): string {
  return `part-of:p${dice.below(3)}`
}

function lane(dice: Dice): Lane {
  if (dice.chance(dice.lanes ? 0.5 : 0.2)) return gathering(dice)
  const ordered = dice.chance(0.4)
  return { name: dice.pick(['l0', 'l1', 'both']), slots: 1 + dice.below(2), ...(ordered && { ordered }) }
}

function gathering(dice: Dice): Lane {
  const gather = { size: 1 + dice.below(4), waitMs: dice.pick([500, 2_000, 20_000]) }
  return { name: dice.pick(['g0', 'l0']), slots: 1, ...(dice.chance(0.3) && { ordered: true as const }), gather }
}

function followUp(dice: Dice): NonNullable<NewJob['onFailed']> {
  return { task: 'then', queue: dice.pick(queues), rank: dice.pick(ranks), keepSucceededMs: 0, keepFailedMs: 60_000 }
}

function unique(dice: Dice): NonNullable<NewJob['unique']> {
  return {
    key: dice.pick(['k0', 'k1']),
    scope: dice.pick(['waiting', 'active', { forMs: dice.pick([500, 5_000]) }]),
    onConflict: dice.pick(['keep', 'replace', 'refuse']),
  }
}

function turn(dice: Dice): Command {
  return {
    do: 'turn',
    worker: worker(dice),
    settled: dice.list(0, 3, () => settlement(dice)),
    givenBack: dice.list(0, 1, () => ({
      claim: claim(dice),
      ...(dice.chance(0.5) && { delayMs: dice.pick([0, 1_000]) }),
      ...(dice.chance(0.4) && { started: true as const }),
    })),
    room: dice.list(0, 2, () => room(dice)),
    ...(dice.chance(0.05) && { lost: true }),
  }
}

function room(dice: Dice): Room {
  return { queues: dice.some(queues), jobs: dice.below(5), bottomUp: dice.below(2) }
}

function settlement(dice: Dice): ScriptedSettlement {
  return {
    claim: claim(dice),
    outcome: outcome(dice),
    ranMs: dice.below(100),
    ...(dice.chance(0.4) && { keepsSlot: true as const }),
    ...(dice.chance(0.15) && { closesRateMs: dice.pick([1, 1_000, 5_000]) }),
    ...(dice.chance(0.15) && { followUps: dice.list(1, 2, () => job(dice, extra(dice))) }),
  }
}

function outcome(dice: Dice): Outcome {
  return dice.weighted<() => Outcome>([
    [5, () => ({ kind: 'succeeded', result: dice.pick(['{"r":1}', null]) })],
    [3, () => ({ kind: 'failed', error })],
    [3, () => ({ kind: 'retry', error, delayMs: dice.pick([0, 1, 1_000]) })],
    [1, () => ({ kind: 'cancelled', ...(dice.chance(0.5) && { error }) })],
    [2, () => ({ kind: 'wait', on: ids(dice) })],
    [2, () => ({ kind: 'wait', on: dice.chance(0.5) ? [] : ids(dice), delayMs: dice.pick([0, 1, 1_000]) })],
  ])()
}

function claim(dice: Dice): Pick {
  return dice.chance(0.85) ? { held: dice.below(5) } : { ever: dice.below(50) }
}

function report(dice: Dice): ScriptedReport {
  return dice.pick<ScriptedReport>([
    { kind: 'progress', claim: claim(dice), progress: { done: dice.below(9), of: 9 } },
    { kind: 'log', claim: claim(dice), line: { at: dice.below(9), level: 'info', message: 'm' } },
    { kind: 'step', claim: claim(dice), name: dice.pick(names), result: `${dice.below(9)}` },
  ])
}

function change(dice: Dice): JobChange {
  return {
    ...(dice.chance(0.5) && { rank: dice.pick(ranks) }),
    ...(dice.chance(0.5) && { due: { inMs: dice.pick([-5, 0, 500, 3_000]) } }),
    ...(dice.chance(0.2) && { input: '{"changed":true}', ...(dice.chance(0.5) && { version: 3 }) }),
  }
}

function limit(dice: Dice): LimitValue | 'unpinned' {
  if (dice.chance(0.6)) return 'unpinned'
  return {
    ...(dice.chance(0.6) && { slots: dice.below(4) }),
    ...(dice.chance(0.6) && { tokens: dice.below(4) }),
    ...(dice.chance(0.3) && { perMs: dice.pick([1_000, 4_000]) }),
  }
}

function limitQuery(dice: Dice): LimitQuery {
  return {
    ...(dice.chance(0.3) && { prefix: dice.pick(['l', 'r', 'l1', 'nobody']) }),
    ...(dice.chance(0.3) && { after: dice.pick(limitNames) }),
    ...(dice.chance(0.3) && { limit: 1 + dice.below(3) }),
  }
}

function query(dice: Dice): JobQuery {
  return {
    limit: 1 + dice.below(7),
    ...(dice.chance(0.3) && { states: dice.some(['ready', 'running', 'failed', 'cancelled', 'succeeded'] as const) }),
    ...(dice.chance(0.2) && { tasks: dice.some(tasks) }),
    ...(dice.chance(0.2) && { queues: dice.some(queues) }),
    ...(dice.chance(0.2) && { tag: dice.pick(['red', partOf(dice)]) }),
    ...(dice.chance(0.2) && { input: { path: 'a.b', value: dice.pick([1, '1']) } }),
    ...(dice.chance(0.1) && { metadata: { path: 'm', value: 1 } }),
  }
}

function join(dice: Dice): Command {
  dice.newWorker()
  return { do: 'join', slots: 5, leaseMs: 8_000 }
}

function worker(dice: Dice): number {
  return Math.max(0, dice.workers - 1 - dice.below(recent.workers))
}

function ids(dice: Dice): string[] {
  return dice.list(1, 3, () => id(dice))
}

/** Of several that fire at the same times, as those say that give where it begins. */
function rule(dice: Dice): { rule: string; when?: string } {
  const when = `${dice.pick(names)} `
  return { rule: `${when}${dice.pick(names)}`, ...(dice.chance(0.5) && { when }) }
}

function extra(dice: Dice): string {
  return `x${dice.below(30)}`
}

/** Not the job that is being made up just now, which cannot wait for itself. */
function olderIds(dice: Dice): string[] {
  const self = `j${dice.jobs - 1}`
  const older = ids(dice).filter((other) => (other !== self && other.startsWith('j')) || dice.chance(0.02))
  return older.length > 0 ? older : [`j${Math.max(0, dice.jobs - 2)}`]
}

function id(dice: Dice): string {
  if (dice.chance(0.05)) return `~${dice.below(8)}`
  if (dice.chance(0.05)) return extra(dice)
  return `j${Math.max(0, dice.jobs - 1 - dice.below(recent.jobs))}`
}

class Dice {
  /** How many it has made up. */
  jobs = 0
  workers = 0
  /** Whether the clock goes back in this script; how long a rate then holds is the engine's affair. */
  readonly jumps: boolean
  /** Whether this script is about lanes: few jobs go without. */
  readonly lanes: boolean
  /** And this one about rates. */
  readonly rates: boolean
  readonly #chance: () => number

  constructor(chance: () => number) {
    this.#chance = chance
    this.jumps = this.chance(0.25)
    this.lanes = this.chance(0.3)
    this.rates = this.chance(0.2)
  }

  newJob(): string {
    return `j${this.jobs++}`
  }

  newWorker(): void {
    this.workers++
  }

  below(end: number): number {
    return Math.floor(this.#chance() * end)
  }

  chance(part: number): boolean {
    return this.#chance() < part
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }

  /** At least one of them, in their order. */
  some<T>(items: readonly T[]): T[] {
    const chosen = items.filter(() => this.chance(0.5))
    return chosen.length > 0 ? chosen : [this.pick(items)]
  }

  list<T>(least: number, most: number, make: () => T): T[] {
    return Array.from({ length: least + this.below(most - least + 1) }, make)
  }

  weighted<T>(items: readonly (readonly [number, T])[]): T {
    let left = this.#chance() * items.reduce((sum, [weight]) => sum + weight, 0)
    return items.find(([weight]) => (left -= weight) < 0)![1]
  }
}
