/** From flags such as `--state failed --since 1h` to a query of jobs. */
import type { Command } from 'commander'
import type { JobsQuery } from '../client/queries.ts'
import { durationMs } from '../duration.ts'
import { jobStates, type JobState } from '../job.ts'
import { nearest } from '../nearest.ts'
import { UsageError } from './failures.ts'
import { scalar } from './values.ts'

export interface QueryOptions {
  readonly state?: string[]
  readonly task?: string[]
  readonly queue?: string[]
  readonly tag?: string
  readonly since?: string
  readonly until?: string
  readonly input?: string
}

/** For options that may be repeated or hold a list: `--state failed,expired`. */
export const collect = (value: string, before: string[] = []): string[] => [
  ...before,
  ...value
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean),
]

export function addQueryFlags(command: Command): Command {
  return command
    .option('--state <states>', `${jobStates.join(', ')}; several with commas`, collect)
    .option('--task <names>', 'of these tasks', collect)
    .option('-Q, --queue <names>', 'in these queues', collect)
    .option('--tag <tag>', 'with this tag')
    .option('--since <time>', 'enqueued since: 1h ago, or a time')
    .option('--until <time>', 'enqueued before')
    .option('--input <path=value>', 'with this field in the input: user.id=7')
}

function statesOf(given: readonly string[]): JobState[] {
  const wrong = given.find((state) => !jobStates.includes(state as JobState))
  if (wrong === undefined) return given as JobState[]
  const near = nearest(wrong, jobStates)

  throw new UsageError(
    `There is no state "${wrong}". ${near ? `Did you mean "${near}"? ` : ''}States are ${jobStates.join(', ')}.`,
  )
}

/** A moment as people give it: a time, or how long ago. */
function momentOf(text: string, flag: string): Date | string {
  if (/^\d{4}-\d/.test(text)) return timeOf(text, flag)
  const ago = text.replace(/\s*ago$/, '')
  if (isDuration(ago)) return ago

  throw new UsageError(
    `Expected ${flag} to be how long ago, such as 30m, 2h or 1d, or a time such as 2026-12-01T09:00, got "${text}".`,
  )
}

function isDuration(text: string): boolean {
  try {
    durationMs(text, '')
    return true
  } catch {
    return false
  }
}

/** @throws UsageError */
export function timeOf(text: string, where: string): Date {
  const time = /^\d{12,}$/.test(text) ? new Date(Number(text)) : new Date(text)
  if (!Number.isNaN(time.getTime())) return time

  throw new UsageError(`Expected ${where} to be a time such as 2026-12-01T09:00 or 2026-12-01T09:00Z, got "${text}".`)
}

function fieldOf(text: string): Record<string, string | number | boolean | null> {
  const at = text.indexOf('=')
  if (at > 0) return { [text.slice(0, at)]: scalar(text.slice(at + 1)) }

  throw new UsageError(`Expected --input to be a field and its value, such as user.id=7, got "${text}".`)
}

/** True if the flags choose anything. */
export function asksForSome(options: QueryOptions): boolean {
  const { state, task, queue, tag, since, until, input } = options

  return [state, task, queue, tag, since, until, input].some((each) => each !== undefined)
}

/** @throws UsageError */
export function queryOf(options: QueryOptions): JobsQuery {
  const { state, task, queue, tag, since, until, input } = options

  return {
    ...(state && { state: statesOf(state) }),
    ...(task && { task }),
    ...(queue && { queue }),
    ...(tag !== undefined && { tag }),
    ...(since !== undefined && { since: momentOf(since, '--since') }),
    ...(until !== undefined && { until: momentOf(until, '--until') }),
    ...(input !== undefined && { input: fieldOf(input) }),
  }
}
