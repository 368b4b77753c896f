/** What every lane is given, and what it answers: one row of the table. */
import type { Verdict } from './checker.ts'

export interface LaneOptions {
  readonly engine: string
  readonly seed: number
  /** The few seconds of `npm test`, instead of the whole. */
  readonly short: boolean
  /** How many processes are killed. */
  readonly kills: number
  /** How long the calm lasts, and each fault that strikes a server again and again. */
  readonly minutes: number
}

export interface Row {
  readonly fault: string
  /** How often the fault was made. */
  readonly times: number
  readonly acknowledged: number
  readonly lost: number
  /** Runs that no fault explains. */
  readonly doubled: number
  /** Runs that a fault explains: at least once means that these may be. */
  readonly repeated: number
  readonly late: number
  readonly recoveryP99Ms: number
  /** Promises that were not kept, in words. Empty is what is wanted. */
  readonly broken: readonly string[]
  readonly note?: string
}

export interface Skipped {
  readonly fault: string
  readonly skipped: string
}

export type LaneResult = Row | Skipped
export type Lane = (options: LaneOptions) => Promise<LaneResult[]>

/** Promise 4 of docs/design: from a worker's death to the next start, in 99 of 100 cases. */
export const recoveryMs = 10_000

/** Violations that no fault excuses. `overlap` is judged by each lane: a frozen worker's run goes on when it thaws. */
const never = [
  'lost',
  'ghost',
  'duplicated',
  'robbed',
  'zombieWrite',
  'resurrected',
  'disobeyed',
  'unexpected',
  'blamed',
] as const

const examples = (ids: readonly string[]) => `${ids.slice(0, 3).join(', ')}${ids.length > 3 ? ', …' : ''}`

export function violations(
  verdict: Verdict,
  also: readonly (keyof Verdict & ('overlap' | 'failed'))[] = ['overlap'],
): string[] {
  return [...never, ...also].flatMap((kind) => {
    const ids = verdict[kind]

    return ids.length === 0 ? [] : [`${ids.length} ${kind}: ${examples(ids)}`]
  })
}

export function slowRecovery({ recovery: { p99Ms } }: Verdict): string[] {
  return p99Ms <= recoveryMs ? [] : [`the slowest of a hundred recoveries took ${p99Ms} ms, more than ${recoveryMs} ms`]
}

/** The row of one verdict. */
export function row(fault: string, times: number, verdict: Verdict, broken: readonly string[], note?: string): Row {
  return {
    fault,
    times,
    acknowledged: verdict.acknowledged,
    lost: verdict.lost.length,
    doubled: verdict.duplicated.length,
    repeated: verdict.repeated,
    late: verdict.late.length,
    recoveryP99Ms: verdict.recovery.p99Ms,
    broken,
    ...(note !== undefined && { note }),
  }
}

/** Says what was expected and what came instead, unless it is so. */
export const expected = (what: string, wanted: unknown, got: unknown): string[] =>
  wanted === got ? [] : [`${what}: expected ${String(wanted)}, got ${String(got)}`]
