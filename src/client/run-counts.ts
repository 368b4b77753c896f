/** How many runs have ended how, minute by minute. */
import { withinReach } from '../duration.ts'
import { InvalidOptionError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import type { StatRow, Store } from '../store/store.ts'

/** Runs of one task that ended alike within one minute. */
export interface RunCount {
  /** Its beginning. */
  readonly minute: Date
  readonly task: string
  /** How they ended; `expired` have not run at all, and `rescued` were taken back from a worker that was lost. */
  readonly outcome: StatRow['outcome']
  readonly count: number
  /** Milliseconds that they took, all together. */
  readonly ranMs: number
}

/** Which minutes: those that begin from `from` on and before `to`. */
export interface CountedTime {
  from: Date
  to: Date
}

/** @throws UnknownOptionError, InvalidOptionError */
export async function runCounts(store: Store, time: CountedTime): Promise<RunCount[]> {
  checkOptions(time, ['from', 'to'], 'the time of `stats`')
  const rows = await store.stats({ fromAt: momentOf(time.from, '`from`'), toAt: momentOf(time.to, '`to`') })

  return rows.map(({ at, ...row }) => ({ minute: new Date(withinReach(at)), ...row }))
}

function momentOf(value: unknown, name: string): number {
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.getTime()

  throw new InvalidOptionError(`${name} of \`stats\``, value, 'a valid Date')
}
