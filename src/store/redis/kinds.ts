/**
 * Queue, task and retention of a job, which many jobs share: a record has their number instead.
 *
 * Numbers are given once and never taken back, so a handle asks for each only once. A server that was emptied has
 * forgotten them; the scripts notice, and the handle asks anew.
 */
import type { FollowUp } from '../store.ts'
import type { Caller } from './caller.ts'

type Shared = Pick<FollowUp, 'queue' | 'task' | 'keepSucceededMs' | 'keepFailedMs'>

/** Retention is in whole minutes by now. */
export type Kind = Readonly<Shared>

const minuteMs = 60_000

export class Kinds {
  readonly #caller: Caller
  readonly #numbers = new Map<string, Map<string, string>>()
  readonly #kinds = new Map<string, Kind>()
  #missing = new Set<string>()
  #latest: (Shared & { readonly number: string }) | undefined

  constructor(caller: Caller) {
    this.#caller = caller
  }

  /** Its number, or '' where it must be learned first. */
  numberOf(job: Shared): string {
    const { queue, task, keepSucceededMs, keepFailedMs } = job
    const latest = this.#latest
    // Most jobs are like the one before.
    if (
      latest &&
      latest.task === task &&
      latest.queue === queue &&
      latest.keepSucceededMs === keepSucceededMs &&
      latest.keepFailedMs === keepFailedMs
    ) {
      return latest.number
    }
    const [succeeded, failed] = [Math.ceil(keepSucceededMs / minuteMs), Math.ceil(keepFailedMs / minuteMs)]
    const number = this.#numbers.get(queue)?.get(`${task}\n${succeeded}\n${failed}`)
    if (number !== undefined) {
      this.#latest = { queue, task, keepSucceededMs, keepFailedMs, number }
      return number
    }

    this.#missing.add(JSON.stringify([queue, task, succeeded, failed]))
    return ''
  }

  of(number: string): Kind | undefined {
    return this.#kinds.get(number)
  }

  /** What is made of numbers, made again when all of them are known. */
  async withNumbers<T>(make: () => T): Promise<T> {
    const made = make()
    if (this.#missing.size === 0) return made

    const texts = [...this.#missing]
    const numbers = await this.#caller.call<string[]>('manage', ['kinds', ...texts], { repeat: true })
    for (const [index, text] of texts.entries()) this.#know(text, numbers[index]!)
    return this.withNumbers(make)
  }

  /** Makes these numbers known. */
  async read(numbers: Iterable<string>): Promise<void> {
    const unknown = [...new Set(numbers)].filter((number) => !this.#kinds.has(number))
    if (unknown.length === 0) return

    const texts = await this.#caller.look<string[]>('kinds', ...unknown)
    for (const [index, text] of texts.entries()) this.#know(text, unknown[index]!)
  }

  forget(): void {
    this.#latest = undefined
    this.#numbers.clear()
    this.#kinds.clear()
  }

  #know(text: string, number: string) {
    const [queue, task, succeeded, failed] = JSON.parse(text) as [string, string, number, number]
    const ofQueue = this.#numbers.get(queue) ?? new Map<string, string>()
    this.#numbers.set(queue, ofQueue.set(`${task}\n${succeeded}\n${failed}`, number))
    const keeps = { keepSucceededMs: succeeded * minuteMs, keepFailedMs: failed * minuteMs }
    this.#kinds.set(number, { queue, task, ...keeps })
    this.#missing.delete(text)
  }
}

/** As a record has it. */
export function numberIn(raw: string): string {
  return raw.slice(31, raw.indexOf('\n', 31))
}
