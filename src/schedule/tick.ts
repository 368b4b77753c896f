/** From a schedule that is due to the ticks to fire: plain decisions, no clock and no store. */
import type { NewJob, ScheduleRecord, Tick } from '../store/store.ts'
import type { StoredRule } from './rule.ts'
import { dueTicks, nextTick } from './when.ts'

/** Later than this, a tick has been missed even if no other is due. */
const missedAfterMs = 60_000

export interface Making {
  readonly id: () => string
  readonly random: () => number
}

/** Moves the schedule past `now`, with a job for each tick that is to run. */
export function ticksOf(schedule: ScheduleRecord, rule: StoredRule, now: number, making: Making): Tick[] {
  const first = schedule.nextAt!
  const next = nextTick(rule.when, rule, now)
  const moments = momentsToRun(rule, first, now)
  if (moments.length === 0) return [{ name: schedule.name, at: first, nextAt: next }]

  return moments.map((moment, index) => ({
    name: schedule.name,
    at: index === 0 ? first : moment,
    nextAt: moments[index + 1] ?? next,
    job: jobOf(schedule.name, rule, moment, making),
  }))
}

function momentsToRun(rule: StoredRule, first: number, now: number): number[] {
  const following = nextTick(rule.when, rule, first)
  const missed = now - first > missedAfterMs || (following !== null && following <= now)
  if (!missed) return [first]

  return rule.catchUp === 0 ? [] : dueTicks(rule.when, rule, first, now, rule.catchUp)
}

/** The handler finds the schedule and the moment it stands for in the job's metadata. */
export function jobOf(name: string, rule: StoredRule, moment: number, { id, random }: Making): NewJob {
  const own = rule.job.metadata === undefined ? {} : (JSON.parse(rule.job.metadata) as object)
  const metadata = JSON.stringify({ ...own, schedule: name, tick: new Date(moment).toISOString() })
  const jitterMs = Math.round(rule.jitterMs * random())

  return { ...rule.job, id: id(), metadata, ...(jitterMs > 0 && { due: { inMs: jitterMs } }) }
}
