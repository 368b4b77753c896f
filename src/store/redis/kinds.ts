/**
 * Queue, task and retention of a job, which many jobs share: a record has their digest instead.
 *
 * A digest is made of the words alone. What a handle remembers therefore stays true whatever becomes of the server: one
 * that was emptied, restored or replaced by a replica that lagged behind may not know a kind any more, and then the
 * scripts notice and the handle makes it known anew, but it never calls another kind by that digest. Numbers that the
 * server counted out were given anew by such a server, and jobs ran as other tasks.
 */
import { createHash } from 'node:crypto'
import { UnknownOutcomeError } from '../../errors.ts'
import type { FollowUp } from '../store.ts'
import type { Caller } from './caller.ts'

type Shared = Pick<FollowUp, 'queue' | 'task' | 'keepSucceededMs' | 'keepFailedMs'>

/** Retention is in whole minutes by now. */
export type Kind = Readonly<Shared>

const minuteMs = 60_000
/** 60 bits: among ten thousand kinds, two are alike once in twenty billion stores. */
const digestLength = 10
/** Where it begins in a record. */
const digestFrom = 31

export class Kinds {
  readonly #caller: Caller
  readonly #digests = new Map<string, Map<string, string>>()
  readonly #kinds = new Map<string, Kind>()
  #missing = new Set<string>()
  #latest: (Shared & { readonly digest: string }) | undefined
  #latestRead: { readonly digest: string; readonly kind: Kind } | undefined

  constructor(caller: Caller) {
    this.#caller = caller
  }

  /** Its digest, or '' where the server must be told of it first. */
  digestOf(job: Shared): string {
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
      return latest.digest
    }
    const [succeeded, failed] = [Math.ceil(keepSucceededMs / minuteMs), Math.ceil(keepFailedMs / minuteMs)]
    const digest = this.#digests.get(queue)?.get(`${task}\n${succeeded}\n${failed}`)
    if (digest !== undefined) {
      this.#latest = { queue, task, keepSucceededMs, keepFailedMs, digest }
      return digest
    }

    this.#missing.add(JSON.stringify([queue, task, succeeded, failed]))
    return ''
  }

  of(digest: string): Kind | undefined {
    return this.#kinds.get(digest)
  }

  /** That of a record, if it is known. */
  in(raw: string): Kind | undefined {
    const latest = this.#latestRead
    // Most records are like the one before.
    if (latest && raw.startsWith(latest.digest, digestFrom)) return latest.kind
    const digest = digestIn(raw)
    const kind = this.#kinds.get(digest)
    if (kind) this.#latestRead = { digest, kind }

    return kind
  }

  /** What is made of digests, at once where the server knows all of them; else made again when it does. */
  withDigests<T>(make: () => T): T | Promise<T> {
    const made = make()

    return this.#missing.size === 0 ? made : this.#told(make)
  }

  async #told<T>(make: () => T): Promise<T> {
    const texts = [...this.#missing]
    const told = texts.flatMap((text) => [digestFor(text), text])
    await this.#caller.call('manage', ['kinds', ...told], { repeat: true })
    for (const text of texts) this.#know(text, digestFor(text))
    return this.withDigests(make)
  }

  /**
   * Learns what these digests stand for.
   *
   * @throws UnknownOutcomeError where the server has lost its data since it answered with them
   */
  async read(digests: Iterable<string>): Promise<void> {
    const unknown = [...new Set(digests)].filter((digest) => !this.#kinds.has(digest))
    if (unknown.length === 0) return

    const texts = await this.#caller.look<(string | null)[]>('kinds', ...unknown)
    for (const [index, text] of texts.entries()) {
      if (text === null) throw new UnknownOutcomeError('reading jobs, for the server has lost its data', [], undefined)
      this.#know(text, unknown[index]!)
    }
  }

  /** The server knows none of them any more; what they stand for stays true. */
  forget(): void {
    this.#latest = undefined
    this.#digests.clear()
  }

  #know(text: string, digest: string) {
    const [queue, task, succeeded, failed] = JSON.parse(text) as [string, string, number, number]
    const ofQueue = this.#digests.get(queue) ?? new Map<string, string>()
    this.#digests.set(queue, ofQueue.set(`${task}\n${succeeded}\n${failed}`, digest))
    const keeps = { keepSucceededMs: succeeded * minuteMs, keepFailedMs: failed * minuteMs }
    this.#kinds.set(digest, { queue, task, ...keeps })
    this.#missing.delete(text)
  }
}

function digestFor(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, digestLength)
}

/** As a record has it. */
export function digestIn(raw: string): string {
  return raw.slice(digestFrom, raw.indexOf('\n', digestFrom))
}
