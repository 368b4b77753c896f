/**
 * The records of tasks: what was asked for, by whom, and how it stands. Each record is written, with the wish for its
 * job, before the job exists; so nothing that was answered can be lost.
 */
import type { Database } from '../database/database.ts'
import type { Outbox, WantedJob } from '../database/outbox.ts'
import type { Tables } from '../database/tables.ts'
import type { Selectable } from 'kysely'
import { isFinalStatus, type TaskChange, type TaskStatus, type TaskType } from './task-of-job.ts'

export type TaskRow = Selectable<Tables['tasks']>

export interface NewTask {
  readonly userId: number
  readonly type: TaskType
  /** What was asked for, without anything that should not be read again. */
  readonly metadata: object
  readonly job: WantedJob
}

export interface TaskQuery {
  readonly type?: TaskType | undefined
  readonly status?: TaskStatus | undefined
  readonly skip: number
  readonly limit: number
}

export class TaskRecords {
  readonly #database: Database
  readonly #outbox: Outbox
  readonly #now: () => number

  constructor(database: Database, outbox: Outbox, now: () => number = Date.now) {
    this.#database = database
    this.#outbox = outbox
    this.#now = now
  }

  /** Writes the record and the wish for its job. The same id again gives the record that is there. */
  add({ userId, type, metadata, job }: NewTask): Promise<TaskRow> {
    return this.#database.transaction().execute(async (tx) => {
      const found = await tx.selectFrom('tasks').selectAll().where('task_id', '=', job.id).executeTakeFirst()
      if (found) return found

      await this.#outbox.put(tx, job)
      return tx
        .insertInto('tasks')
        .values({
          task_id: job.id,
          task_type: type,
          user_id: userId,
          metadata: JSON.stringify(metadata),
          created_at: this.#now(),
          result: null,
          error: null,
          started_at: null,
          completed_at: null,
        })
        .returningAll()
        .executeTakeFirstOrThrow()
    })
  }

  /** The caller's own task of this id. */
  find(userId: number, taskId: string): Promise<TaskRow | undefined> {
    return this.#database
      .selectFrom('tasks')
      .selectAll()
      .where('task_id', '=', taskId)
      .where('user_id', '=', userId)
      .executeTakeFirst()
  }

  /** Whosever it is: for keeping records in step with their jobs. */
  row(taskId: string): Promise<TaskRow | undefined> {
    return this.#database.selectFrom('tasks').selectAll().where('task_id', '=', taskId).executeTakeFirst()
  }

  /** Newest first, with how many there are in all. */
  async list(userId: number, { type, status, skip, limit }: TaskQuery): Promise<{ rows: TaskRow[]; total: number }> {
    let query = this.#database.selectFrom('tasks').where('user_id', '=', userId)
    if (type !== undefined) query = query.where('task_type', '=', type)
    if (status !== undefined) query = query.where('status', '=', status)
    const { total } = await query.select((each) => each.fn.countAll<number>().as('total')).executeTakeFirstOrThrow()

    return { rows: await query.selectAll().orderBy('id', 'desc').offset(skip).limit(limit).execute(), total }
  }

  /** Records that may still change, oldest first, after this one. */
  unfinished(afterId: number, limit: number, userId?: number): Promise<TaskRow[]> {
    let query = this.#database
      .selectFrom('tasks')
      .selectAll()
      .where('status', 'in', ['pending', 'running'])
      .where('id', '>', afterId)
    if (userId !== undefined) query = query.where('user_id', '=', userId)

    return query.orderBy('id').limit(limit).execute()
  }

  /** Whether its job is still to be enqueued. */
  async isWanted(taskId: string): Promise<boolean> {
    return (
      (await this.#database.selectFrom('outbox').select('id').where('id', '=', taskId).executeTakeFirst()) !== undefined
    )
  }

  /** Brings a record up to date, unless it is final: what was once told as the end stays the end. */
  async change(row: TaskRow, change: TaskChange): Promise<TaskRow> {
    if (isFinalStatus(row.status)) return row
    // A retried job waits again without a start; that it has started once remains true.
    const wanted = { ...change, started_at: change.started_at ?? row.started_at }
    if (Object.entries(wanted).every(([column, value]) => row[column as keyof TaskChange] === value)) return row

    const changed = await this.#database
      .updateTable('tasks')
      .set(wanted)
      .where('id', '=', row.id)
      .where('status', 'in', ['pending', 'running'])
      .returningAll()
      .executeTakeFirst()
    return changed ?? (await this.row(row.task_id)) ?? row
  }
}
