/** `errand call`: enqueues one job, and waits for it if asked to. */
import { text } from 'node:stream/consumers'
import type { EnqueueOptions } from '../../client/enqueue-options.ts'
import type { JobHandle } from '../../client/handle.ts'
import { durationMs } from '../../duration.ts'
import type { Errand } from '../../errand.ts'
import { redacted } from '../../redact.ts'
import { exitCodes, UsageError } from '../failures.ts'
import { interruptible } from '../interrupts.ts'
import type { Invocation } from '../invocation.ts'
import { follow, logText, progressText } from '../job-follower.ts'
import { block } from '../output/plain-text.ts'
import { length } from '../output/times.ts'
import type { CallOptions } from '../program-call.ts'
import { timeOf } from '../query-flags.ts'
import { isAlive } from '../unserved.ts'
import { inputOf, parseJson } from '../values.ts'

export async function run(invocation: Invocation, args: string[], options: CallOptions): Promise<number> {
  const [task = '', ...words] = args
  checkWaiting(options)
  const enqueueOptions = enqueueOptionsOf(options)
  const input = await readInput(words, options.json)
  const { errand } = await invocation.app()

  await refuseLonely(errand)
  const job = await errand.enqueue(task, input, enqueueOptions)
  if (job.deduplicated) invocation.out.tell('Nothing was enqueued: this job holds the key.')
  if (options.wait || options.follow) return waitFor(job, task, errand, invocation, options)

  if (invocation.out.forPeople) invocation.out.write(job.id)
  else invocation.out.json({ id: job.id, deduplicated: job.deduplicated })
  return exitCodes.ok
}

function checkWaiting({ timeout, wait, follow: following }: CallOptions): void {
  if (timeout !== undefined && !wait && !following) {
    throw new UsageError(
      '--timeout says how long to wait, so it goes with --wait or --follow. Jobs have their own in the task.',
    )
  }
  // Before anything is enqueued: after it, wrong usage would have done something.
  if (timeout !== undefined) durationMs(timeout, '--timeout')
}

async function readInput(words: readonly string[], json: string | undefined): Promise<unknown> {
  if (json !== undefined && words.length > 0) {
    throw new UsageError(`The input is given twice: with --json and as "${words.join(' ')}". Leave one out.`)
  }
  if (json !== undefined) return parseJson(json, '--json')
  if (words.length === 1 && words[0] === '-') return parseJson(await text(process.stdin), 'the input on stdin')

  return inputOf(words)
}

function enqueueOptionsOf({ delay, at, expires, queue, priority, unique, id, tag }: CallOptions): EnqueueOptions {
  return {
    ...(delay !== undefined && { delay }),
    ...(at !== undefined && { at: timeOf(at, '--at') }),
    ...(expires !== undefined && { expires }),
    ...(queue !== undefined && { queue }),
    ...(priority !== undefined && { priority }),
    ...(unique !== undefined && { unique }),
    ...(id !== undefined && { id }),
    ...(tag !== undefined && { tags: tag }),
  }
}

/** A store that only this process sees would take the job with it. */
async function refuseLonely(errand: Errand<any>): Promise<void> {
  if ((await errand.open()).capabilities.shared) return

  throw new UsageError(
    `Jobs of the store ${errand.place} live and end with one process, so no worker would ever see this one. ` +
      'Nothing was enqueued. Use a store that processes share, such as --store sqlite:errand.db.',
  )
}

async function waitFor(
  job: JobHandle,
  task: string,
  errand: Errand<any>,
  { out }: Invocation,
  options: CallOptions,
): Promise<number> {
  const startedAt = Date.now()
  const definition = errand.tasks.find(({ name }) => name === task)!
  out.say(`job ${job.id}`, 'dim')
  const value = await interruptible(async (signal) => {
    if (options.delay === undefined && options.at === undefined) {
      await warnIfUnserved(errand, options.queue ?? definition.queue, (warning) => out.warn(warning))
    }
    return settled(job, options, signal)
  })
  out.say(`succeeded after ${length(Date.now() - startedAt)}`, 'dim')
  const shown = options.reveal ? value : redacted(value, definition.redact)
  if (out.forPeople && typeof shown === 'string') out.write(block(shown, ''))
  else out.json(shown)

  return exitCodes.ok
}

/** The result, once followed to its end if that was asked for. */
async function settled(
  job: JobHandle,
  { follow: following, timeout, reveal = false }: CallOptions,
  signal: AbortSignal,
) {
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  const followed = following ? follow(job, onStderr, { signal: either, reveal }) : Promise.resolve()
  // Whatever the following comes to, the result says how the job ended.
  const quietly = followed.catch(() => {})

  try {
    const value = await job.result({ signal, ...(timeout !== undefined && { timeout }) })
    await quietly
    return value
  } catch (error) {
    if (signal.aborted || isTimeout(error)) over.abort()
    await quietly
    throw error
  }
}

const isTimeout = (error: unknown) => (error as { code?: unknown }).code === 'RESULT_TIMEOUT'

const onStderr = {
  line: (line: Parameters<typeof logText>[0]) => void process.stderr.write(`${logText(line, process.stderr)}\n`),
  progress: (progress: Parameters<typeof progressText>[0]) => void process.stderr.write(`${progressText(progress)}\n`),
}

async function warnIfUnserved(errand: Errand<any>, queue: string, warn: (text: string) => void): Promise<void> {
  const workers = (await errand.workers()).filter(isAlive)
  if (workers.some(({ queues }) => queues.includes(queue))) return

  warn(`No worker serves queue "${queue}" now, so this waits until one does. Start one: errand worker -Q ${queue}`)
}
