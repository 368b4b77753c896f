/**
 * Prints a job's progress and log as they come, and nothing twice.
 *
 * What was logged before listening began is read once; lines that are in that reading
 * and are told again as events are recognised. When the store says that events were
 * lost, the log is read again.
 */
import { styleText } from 'node:util'
import type { JobHandle, JobUpdate } from '../client/handle.ts'
import type { LogLine } from '../client/history.ts'
import type { Progress } from '../job.ts'
import { oneLine, safeJson } from './output/plain-text.ts'
import { clockTime } from './output/times.ts'

export interface FollowSink {
  line(line: LogLine): void
  progress?(progress: Progress): void
  state?(update: JobUpdate): void
}

const keyOf = ({ at, level, message }: LogLine) => `${at.getTime()} ${level} ${message}`

/** Counts of lines by their key. */
class Lines {
  readonly #counts = new Map<string, number>()

  add(line: LogLine): void {
    this.#counts.set(keyOf(line), (this.#counts.get(keyOf(line)) ?? 0) + 1)
  }

  /** Takes one out, if it is there. */
  take(line: LogLine): boolean {
    const left = this.#counts.get(keyOf(line)) ?? 0
    if (left > 0) this.#counts.set(keyOf(line), left - 1)

    return left > 0
  }

  copy(): Lines {
    const other = new Lines()
    for (const [key, count] of this.#counts) other.#counts.set(key, count)

    return other
  }
}

/** Ends when the job is final; rejects with the signal's reason when it is aborted before. */
export async function follow(
  job: JobHandle,
  sink: FollowSink,
  options: { signal: AbortSignal; reveal?: boolean },
): Promise<void> {
  const printed = new Lines()
  let ahead = new Lines()
  const print = (line: LogLine) => {
    printed.add(line)
    sink.line(line)
  }

  for await (const update of job.updates(options)) {
    if (update.kind === 'now') {
      const before = printed.copy()
      ahead = new Lines()
      for (const line of await job.log()) {
        if (before.take(line)) continue
        print(line)
        ahead.add(line)
      }
    }
    if (update.line && !ahead.take(update.line)) print(update.line)
    if (update.progress && (update.kind === 'now' || update.kind === 'progress')) sink.progress?.(update.progress)
    if (update.kind === 'state') sink.state?.(update)
  }
  if (options.signal.aborted) throw options.signal.reason
}

const levelStyles = { debug: 'dim', info: 'cyan', warn: 'yellow', error: 'red' } as const

/** One log line for people. */
export function logText({ at, level, message, data }: LogLine, stream: NodeJS.WriteStream): string {
  const more = data === undefined ? '' : ` ${styleText('dim', safeJson(data), { stream })}`

  return `${styleText('dim', clockTime(at), { stream })} ${styleText(levelStyles[level], level.padEnd(5), { stream })} ${oneLine(message)}${more}`
}

/** Progress for people: `3/10 30% connecting`. */
export function progressText({ done, of, note }: Progress): string {
  const share = of ? ` ${Math.floor((done / of) * 100)}%` : ''

  return oneLine(`${done}${of === undefined ? '' : `/${of}`}${share}${note === undefined ? '' : ` ${note}`}`)
}
