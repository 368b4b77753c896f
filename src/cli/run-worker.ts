/** Runs a worker as a process of its own: signals, log lines, and a word about queues that nobody serves. */
import type { Errand } from '../errand.ts'
import type { Worker } from '../worker/worker.ts'
import type { WorkerOptions } from '../worker/options.ts'
import type { LoadedApp } from './app/load.ts'
import { exitCodes } from './failures.ts'
import type { Invocation } from './invocation.ts'
import type { Output } from './output/output.ts'
import type { WorkerCommandOptions } from './program-working.ts'
import { queueOptions, unknownQueue } from './queues-option.ts'
import { isAlive, unservedQueues, unservedSentence } from './unserved.ts'
import { isSupervised, reportImports, whenSupervisorEnds } from './watch/child.ts'
import { tellEvents } from './worker-log.ts'

export const stopping = 'Stopping: running jobs may finish. Once more gives them back at once.'

/** Workers that start together need a moment to see one another. */
const firstLookMs = 1000
const looksEveryMs = 30_000

/** @throws UsageError */
export function workerOptionsOf(options: WorkerCommandOptions): WorkerOptions {
  const { queues, concurrency, name, burst, grace } = options

  return {
    ...queueOptions(queues, concurrency),
    ...(name !== undefined && { name }),
    ...(burst !== undefined && { burst }),
    ...(grace !== undefined && { grace }),
  }
}

export interface RunWorkerExtras {
  /** The file that exports the app, if the command was given one. */
  readonly file?: string | undefined
  readonly introduce?: (app: LoadedApp, queues: readonly string[], out: Output) => void
}

export async function runWorker(
  invocation: Invocation,
  options: WorkerOptions,
  { file, introduce }: RunWorkerExtras = {},
): Promise<number> {
  const { out } = invocation
  if (isSupervised()) reportImports()
  const app = await invocation.app(file)
  const worker = app.errand.worker(options)
  const { queues } = worker

  const flush = tellEvents(app.errand, out)
  const signals = stopOnSignals(worker, out)
  const looking = new UnservedLook(app.errand, queues, out)
  try {
    introduce?.(app, queues, out)
    await worker.start({ patient: true })
    if (signals.asked === 0) {
      await warnOfUnknownQueues(app.errand, queues, out)
      looking.begin()
    }
    await worker.finished
    await looking.end()
  } finally {
    signals.release()
    flush()
  }

  return signals.forced ? exitCodes.interrupted : exitCodes.ok
}

async function warnOfUnknownQueues(errand: Errand<any>, queues: readonly string[], out: Output): Promise<void> {
  const { capabilities } = await errand.open()
  if (!capabilities.shared) out.warn(`No other process can enqueue to the store ${errand.place}.`)
  const used = await errand.queues().catch(() => {
    // The worker meets the same trouble with the store, and tells it.
  })
  if (!used) return
  const known = [...errand.tasks.map(({ queue }) => queue), ...used.map(({ name }) => name)]
  for (const queue of queues) {
    const warning = unknownQueue(queue, known)
    if (warning) out.warn(warning)
  }
}

/** The first signal stops gracefully, the second gives everything back at once, the third just ends. */
function stopOnSignals(
  worker: Worker,
  out: Output,
): { readonly asked: number; readonly forced: boolean; release(): void } {
  let asked = 0
  const onSignal = () => {
    asked++
    if (asked > 2) process.exit(exitCodes.interrupted)
    if (asked === 1 && !isSupervised()) out.say(stopping, 'dim')
    // Its promise is the worker's own `finished`, which is awaited.
    void worker.stop(asked === 1 ? { abandon: true } : { abandon: true, grace: 0 })
  }
  const names = ['SIGINT', 'SIGTERM'] as const
  for (const name of names) process.on(name, onSignal)
  whenSupervisorEnds(onSignal)

  return {
    get asked() {
      return asked
    },
    get forced() {
      return asked > 1
    },
    release: () => names.forEach((name) => process.off(name, onSignal)),
  }
}

/** Looks now and then for queues that nobody serves, and warns of each once. */
class UnservedLook {
  readonly #errand: Errand<any>
  /** Served here: also once this worker has left. */
  readonly #own: readonly string[]
  readonly #out: Output
  readonly #warned = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #looked = false

  constructor(errand: Errand<any>, own: readonly string[], out: Output) {
    this.#errand = errand
    this.#own = own
    this.#out = out
  }

  begin(): void {
    this.#timer = setTimeout(() => void this.#again(), firstLookMs).unref()
  }

  /** A worker that ends early has not looked yet; one that never began has a store that may not answer. */
  async end(): Promise<void> {
    clearTimeout(this.#timer)
    if (this.#timer && !this.#looked) await this.#look()
  }

  async #again(): Promise<void> {
    await this.#look()
    this.#timer = setTimeout(() => void this.#again(), looksEveryMs).unref()
  }

  async #look(): Promise<void> {
    this.#looked = true
    try {
      const [queues, workers] = [await this.#errand.queues(), (await this.#errand.workers()).filter(isAlive)]
      for (const unserved of unservedQueues(queues, [...workers, { queues: this.#own }], this.#errand.tasks)) {
        if (!this.#warned.has(unserved.queue)) this.#out.warn(unservedSentence(unserved))
        this.#warned.add(unserved.queue)
      }
    } catch {
      // The worker meets the same trouble with the store, and tells it.
    }
  }
}
