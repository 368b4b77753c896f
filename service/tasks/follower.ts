/**
 * Keeps the records in step with their jobs. The jobs are the truth; a record is a copy that outlives them.
 *
 * What happens is heard as it happens. Hearing is best effort, so every unfinished record is also looked at again and
 * again, in slices; and whoever reads an unfinished record has it brought up to date first.
 */
import type { Errand, JobInfo } from 'errand'
import type { Logger } from 'pino'
import { lostTask, taskChange } from './task-of-job.ts'
import type { TaskRecords, TaskRow } from './records.ts'

interface Parts {
  readonly errand: Errand
  readonly records: TaskRecords
  readonly log: Logger
  readonly now?: () => number
}

/** Jobs of these tasks have records. */
const recordedTasks = ['email.send', 'data.process']

const slice = 200
const hearPauseMs = 100

export class Follower {
  readonly #parts: Parts
  readonly #stopping = new AbortController()
  readonly #heard = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<unknown> = Promise.resolve()
  #cursor = 0

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Catches up with all that happened while nobody followed, then follows. */
  async start(): Promise<void> {
    await this.catchUp()
    this.#timer = setInterval(() => void this.#trying(() => this.#lookAgain()), 1_000)
    this.#running = this.#trying(() => this.#hear())
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stopping.abort()
    await this.#running
  }

  /** Brings every unfinished record up to date. */
  async catchUp(): Promise<void> {
    this.#cursor = 0
    do await this.#lookAgain()
    while (this.#cursor > 0)
  }

  /** The record as its job stands now. */
  async current(row: TaskRow): Promise<TaskRow> {
    const { records, now = Date.now } = this.#parts
    const job = await this.#jobOf(row)
    if (job) return records.change(row, taskChange(job))
    // Not in the store: still on its way there, or pruned.
    if (await records.isWanted(row.task_id)) return row
    const late = await this.#jobOf(row)

    return records.change(row, late ? taskChange(late) : lostTask(now()))
  }

  async #jobOf(row: TaskRow): Promise<JobInfo | undefined> {
    try {
      return await this.#parts.errand.job(row.task_id).info()
    } catch (error) {
      const { code } = error as { code?: string }
      if (code === 'JOB_NOT_FOUND' || code === 'RESULT_GONE') return undefined
      throw error
    }
  }

  /** The next slice of unfinished records; from the beginning again after the last. */
  async #lookAgain(): Promise<void> {
    const rows = await this.#parts.records.unfinished(this.#cursor, slice)
    for (const row of rows) await this.current(row)
    this.#cursor = rows.length === slice ? rows.at(-1)!.id : 0
  }

  async #hear(): Promise<void> {
    for await (const news of this.#parts.errand.events({ tasks: recordedTasks, signal: this.#stopping.signal })) {
      if (news.kind === 'job' && news.event.kind !== 'log') this.#note(news.event.id)
    }
  }

  /** Many things happen to one job in a short time; its record is brought up to date once for all of them. */
  #note(id: string): void {
    if (this.#heard.size === 0) setTimeout(() => void this.#trying(() => this.#updateHeard()), hearPauseMs)
    this.#heard.add(id)
  }

  async #updateHeard(): Promise<void> {
    const ids = [...this.#heard]
    this.#heard.clear()

    for (const id of ids) {
      const row = await this.#parts.records.row(id)
      if (row) await this.current(row)
    }
  }

  async #trying(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!this.#stopping.signal.aborted)
        this.#parts.log.error({ err: error }, 'a record could not be brought up to date')
    }
  }
}
