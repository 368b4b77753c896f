/** A task as the API shows it. */
import { z } from '@hono/zod-openapi'
import type { TaskRow } from './records.ts'
import { taskStatuses, taskTypes, type TaskStatus, type TaskType } from './task-of-job.ts'

export const taskRecord = z
  .object({
    id: z.number().int(),
    task_id: z.string(),
    task_type: z.enum(taskTypes),
    status: z.enum(taskStatuses),
    progress: z.number().min(0).max(100),
    result: z.unknown().openapi({ description: 'What came out, once completed; otherwise null' }),
    error: z.string().nullable(),
    created_at: z.iso.datetime(),
    started_at: z.iso.datetime().nullable(),
    completed_at: z.iso.datetime().nullable(),
    user_id: z.number().int(),
    metadata_: z.record(z.string(), z.unknown()),
  })
  .openapi('Task')

const moment = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())

export function recordOf(row: TaskRow): z.output<typeof taskRecord> {
  return {
    id: row.id,
    task_id: row.task_id,
    task_type: row.task_type as TaskType,
    status: row.status as TaskStatus,
    progress: row.progress,
    result: row.result === null ? null : (JSON.parse(row.result) as unknown),
    error: row.error,
    created_at: moment(row.created_at)!,
    started_at: moment(row.started_at),
    completed_at: moment(row.completed_at),
    user_id: row.user_id,
    metadata_: JSON.parse(row.metadata) as Record<string, unknown>,
  }
}
