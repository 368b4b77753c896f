/** From `-Q email,default:2` and `-c 8` to the options of a worker. */
import { nearest } from '../nearest.ts'
import { workerDefaults, type WorkerOptions } from '../worker/options.ts'
import { UsageError } from './failures.ts'

/** @throws UsageError */
export function wholeNumber(text: string, where: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text)

  throw new UsageError(`Expected ${where} to be a whole number of at least 1, got "${text}".`)
}

function split(entry: string): { queue: string; slots?: number } {
  const [, queue, slots] = /^(.*?)(?::(\d*))?$/.exec(entry)!
  if (!queue)
    throw new UsageError(`Expected --queues to be names of queues, such as email,default or email:8, got "${entry}".`)

  return slots === undefined ? { queue } : { queue, slots: wholeNumber(slots, `the slots of queue "${queue}"`) }
}

/**
 * Names alone are served in their order and share the slots. As soon as one has slots of its own, each has: those
 * without a number get as many as `--concurrency` says.
 *
 * @throws UsageError
 */
export function queueOptions(
  queues: readonly string[] | undefined,
  concurrency: string | undefined,
): Pick<WorkerOptions, 'queues' | 'concurrency'> {
  const shared = concurrency === undefined ? {} : { concurrency: wholeNumber(concurrency, '--concurrency') }
  if (queues === undefined) return shared
  const entries = queues.map(split)
  const twice = entries.find(({ queue }, index) => entries.findIndex((other) => other.queue === queue) < index)
  if (twice) throw new UsageError(`--queues names "${twice.queue}" twice. Name each queue once.`)

  if (entries.every(({ slots }) => slots === undefined)) return { ...shared, queues: entries.map(({ queue }) => queue) }
  const each = shared.concurrency ?? workerDefaults.concurrency

  return { queues: Object.fromEntries(entries.map(({ queue, slots }) => [queue, slots ?? each])) }
}

/** A warning about a queue that nothing is known of, since a mistyped one is served in silence for ever. */
export function unknownQueue(queue: string, known: readonly string[]): string | undefined {
  if (known.includes(queue)) return undefined
  const near = nearest(queue, known)

  return `No task goes to queue "${queue}", and it has no jobs.${near ? ` Did you mean "${near}"?` : ''}`
}
