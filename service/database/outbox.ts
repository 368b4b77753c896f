/**
 * The outbox: jobs that a change in the service's database makes necessary.
 *
 * The database and the job store are two files, so no transaction spans both. The wish for a job is written with the
 * change, under the id the job will have, and struck out once the job is in the store. A process that dies in between
 * leaves the wish behind; whoever finds it enqueues the same id again, which is one job.
 */
import type { Errand } from 'errand'
import type { Logger } from 'pino'
import type { Database, DatabaseTransaction } from './database.ts'

export interface WantedJob {
  readonly id: string
  readonly task: string
  readonly input: unknown
  readonly options?: { readonly priority?: 'low' | 'normal' | 'high' | 'urgent'; readonly tags?: readonly string[] }
}

interface Parts {
  readonly database: Database
  readonly errand: Errand
  readonly log: Logger
  readonly now?: () => number
  /** Told when the store refuses a job for good. */
  readonly onRefused?: (id: string, error: unknown) => Promise<void>
}

/** Repeating what the store refused for one of these reasons would change nothing. */
const hopeless = ['INVALID_INPUT', 'NOT_STORABLE', 'PAYLOAD_TOO_LARGE', 'ID_CONFLICT', 'UNKNOWN_TASK']

const slice = 200

export class Outbox {
  readonly #parts: Parts
  readonly #now: () => number
  #timer: NodeJS.Timeout | undefined
  #sweeping: Promise<void> | undefined

  constructor(parts: Parts) {
    this.#parts = parts
    this.#now = parts.now ?? Date.now
  }

  /** Writes the wish, as part of the change that needs the job. An id that is there already is left as it is. */
  async put(tx: DatabaseTransaction, job: WantedJob): Promise<void> {
    await tx
      .insertInto('outbox')
      .values({
        id: job.id,
        task: job.task,
        input: JSON.stringify(job.input),
        options: JSON.stringify(job.options ?? {}),
        created_at: this.#now(),
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }

  /** Enqueues the job of this id, if it still waits here. What fails is tried again by the next sweep. */
  async deliver(id: string): Promise<void> {
    const { database, errand, log } = this.#parts
    const wish = await database.selectFrom('outbox').selectAll().where('id', '=', id).executeTakeFirst()
    if (!wish) return

    try {
      await errand.enqueue(wish.task, JSON.parse(wish.input), { ...(JSON.parse(wish.options) as object), id })
    } catch (error) {
      if (!hopeless.includes((error as { code?: string }).code ?? '')) {
        return log.warn({ err: error, job: id, task: wish.task }, 'could not enqueue yet')
      }
      log.error({ err: error, job: id, task: wish.task }, 'the store refuses this job')
      await this.#parts.onRefused?.(id, error)
    }
    await database.deleteFrom('outbox').where('id', '=', id).execute()
  }

  /** Delivers what waits longer than it should, now and every second from now on. */
  start(): void {
    this.#timer ??= setInterval(() => void this.sweep(), 1_000)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    await this.#sweeping
  }

  /** Delivers everything that has waited for so long. */
  sweep(waitedMs = 2_000): Promise<void> {
    return (this.#sweeping ??= this.#deliverAll(waitedMs)
      .catch((error: unknown) => this.#parts.log.error({ err: error }, 'the outbox could not be swept'))
      .finally(() => (this.#sweeping = undefined)))
  }

  async #deliverAll(waitedMs: number): Promise<void> {
    const late = await this.#parts.database
      .selectFrom('outbox')
      .select('id')
      .where('created_at', '<=', this.#now() - waitedMs)
      .orderBy('created_at')
      .limit(slice)
      .execute()

    for (const { id } of late) await this.deliver(id)
  }
}
