/** The Task API: ask for work, watch it, cancel it. Every task is its owner's alone; for others it does not exist. */
import { createRoute, z } from '@hono/zod-openapi'
import type { Errand } from 'errand'
import type { Database } from '../database/database.ts'
import type { Outbox } from '../database/outbox.ts'
import { Filters } from './filters-schema.ts'
import { addressField, bodyField, priorities, subjectField } from '../email/message.ts'
import { idempotent } from '../http/idempotency.ts'
import { limitedPerUser, tooMany, type RateLimits } from '../http/limits.ts'
import { Problem, retryAfter } from '../http/problem.ts'
import { jsonAnswer, jsonBody, makeRouter, problems, signedIn, type Router } from '../http/router.ts'
import type { Sources } from '../data/data-sources.ts'
import { outputFormats } from '../data/write-result.ts'
import { processingTypes } from '../data/process.ts'
import type { Follower } from './follower.ts'
import { OpenStreams } from './open-streams.ts'
import { recordOf, taskRecord } from './task-record.ts'
import type { TaskRecords, TaskRow } from './records.ts'
import { taskEvents } from './task-events.ts'
import { isFinalStatus, taskStatuses, taskTypes } from './task-of-job.ts'

export interface TaskParts {
  readonly database: Database
  readonly errand: Errand
  readonly records: TaskRecords
  readonly outbox: Outbox
  readonly follower: Follower
  readonly sources: Sources
  readonly limits: RateLimits
  readonly now: () => number
  readonly id: () => string
  readonly closing: AbortSignal
  /** Whether a session still goes on: asked again while a stream is open. */
  readonly isAlive: (caller: { userId: number; sessionId: string }) => Promise<boolean>
}

const emailRequest = z
  .strictObject({
    to_email: addressField.openapi({ example: 'ann@example.com' }),
    subject: subjectField.openapi({ example: 'Test Email' }),
    body: bodyField.openapi({ example: 'This is a test email sent as background task' }),
    priority: z.enum(priorities).default('normal'),
  })
  .openapi('EmailTaskRequest')

const dataRequest = z
  .strictObject({
    data_source: z
      .string()
      .regex(
        /^[\w-]{1,100}$/,
        'expected "users", "orders", the id of an upload, or a name of up to 100 letters, digits, _ and -',
      )
      .openapi({
        description:
          '`users`, `orders` or the id of an uploaded source. Any other name of letters, digits, `_` and `-` gives one sample record that repeats the name',
        example: 'users',
      }),
    processing_type: z.enum(processingTypes),
    output_format: z.enum(outputFormats).default('json'),
    filters: Filters.nullish(),
  })
  .openapi('DataProcessingTaskRequest')

const processDescription = [
  '`clean`: field names in lower case with `_` for spaces, texts trimmed.',
  '`analyze`: the fields of the first record, and for each its type, its different values and its nulls; a field that is null everywhere has no entry.',
  '`transform`: `record_id` from `id`, `name` from `name` or `title` (in exactly these letters: clean first if yours differ), the rest under `details`.',
  '`aggregate`: how many records there are in all and by `status`, and sum, average, least, greatest and count of every numeric field. A field is numeric if all its values are numbers, apart from null; ids are not.',
].join('\n\n')

const idempotencyHeader = z.object({
  'idempotency-key': z
    .string()
    .optional()
    .openapi({ description: 'The same key with the same request, within 24 hours, gives the first answer again' }),
})
const taskParams = z.object({
  task_id: z.string().max(100).openapi({ example: '01936d3e-0000-7000-8000-000000000000' }),
})
const listQuery = z.object({
  skip: z.coerce.number().int().min(0).max(1_000_000_000).default(0),
  limit: z.coerce.number().int().min(1).max(100).default(100),
  task_type: z.enum(taskTypes).optional(),
  status: z.enum(taskStatuses).optional(),
})

const common = { tags: ['tasks'], security: signedIn }
const routes = {
  list: createRoute({
    ...common,
    method: 'get',
    path: '/tasks',
    operationId: 'listTasks',
    summary: 'List your tasks',
    hide: true,
    description: 'Newest first. `X-Total-Count` says how many there are in all.',
    request: { query: listQuery },
    responses: { 200: jsonAnswer(z.array(taskRecord), 'Your tasks'), ...problems(401, 422) },
  }),
  read: createRoute({
    ...common,
    method: 'get',
    path: '/tasks/{task_id}',
    operationId: 'readTask',
    summary: 'Read a task',
    request: { params: taskParams },
    responses: { 200: jsonAnswer(taskRecord, 'The task'), ...problems(401, 404) },
  }),
  cancel: createRoute({
    ...common,
    method: 'delete',
    path: '/tasks/{task_id}',
    operationId: 'cancelTask',
    summary: 'Cancel a task',
    description:
      'A pending task is cancelled at once. A running one is told to stop, and ends cancelled within moments.',
    request: { params: taskParams },
    responses: {
      204: { description: 'Cancelled' },
      202: jsonAnswer(taskRecord, 'Running; it has been told to stop'),
      ...problems(401, 404),
    },
  }),
  events: createRoute({
    ...common,
    method: 'get',
    path: '/tasks/{task_id}/events',
    operationId: 'watchTask',
    summary: 'Watch a task until it ends',
    description:
      'Server-sent events: `snapshot`, then `update` with each change, then `end`; of a task that has ended, `snapshot` and `end`. Each carries the whole record.',
    request: { params: taskParams },
    responses: {
      200: { description: 'The stream', content: { 'text/event-stream': { schema: z.string() } } },
      204: { description: 'The end has been seen: there is no more to come' },
      ...problems(401, 404, 429),
    },
  }),
}

export function taskRoutes(parts: TaskParts): Router {
  const { records, follower, errand, outbox } = parts
  const router = makeRouter()
  const streams = new OpenStreams(20)
  creating(router, parts)
  // The router drops the slash at the end of a path; the document keeps it, since that is the path's name.
  router.openAPIRegistry.registerPath({ ...routes.list, path: '/tasks/' })

  router.openapi(routes.list, async (c) => {
    const { skip, limit, task_type, status } = c.req.valid('query')
    const { userId } = c.get('caller')
    for (const row of await records.unfinished(0, 100, userId)) await follower.current(row)
    const { rows, total } = await records.list(userId, { type: task_type, status, skip, limit })
    c.header('X-Total-Count', String(total))

    const current = await Promise.all(rows.map((row) => follower.current(row)))
    const asked = current.filter((row) => status === undefined || row.status === status)
    return c.json(asked.map(recordOf), 200)
  })

  router.openapi(routes.read, async (c) => {
    const row = await owned(records, c.get('caller').userId, c.req.valid('param').task_id, 'Task not found')

    return c.json(recordOf(await follower.current(row)), 200)
  })

  router.openapi(routes.cancel, async (c) => {
    const refusal = 'Task not found or cannot be cancelled'
    const row = await owned(records, c.get('caller').userId, c.req.valid('param').task_id, refusal)
    if (isFinalStatus(row.status)) throw new Problem('not-found', refusal)
    // A job that is still on its way to the store cannot be cancelled there.
    await outbox.deliver(row.task_id)
    const answer = await errand.job(row.task_id).cancel()
    const current = await follower.current(row)

    if (answer === 'cancelled') return c.body(null, 204)
    if (answer === 'cancelling') return c.json(recordOf(current), 202)
    if (isFinalStatus(current.status)) throw new Problem('not-found', refusal)
    throw new Problem('unavailable', 'The task is not in the job store yet.', { headers: retryAfter(2_000) })
  })

  router.openapi(routes.events, async (c) => {
    const caller = c.get('caller')
    const row = await owned(records, caller.userId, c.req.valid('param').task_id, 'Task not found')
    if (!streams.mayOpen(caller.userId)) throw tooMany(5_000)
    await outbox.deliver(row.task_id)

    return taskEvents(c, row, {
      errand,
      follower,
      recordOf,
      isWelcome: () => parts.isAlive(caller),
      closing: parts.closing,
      opened: () => streams.open(caller.userId),
    })
  })
  return router
}

async function owned(records: TaskRecords, userId: number, taskId: string, refusal: string): Promise<TaskRow> {
  const row = await records.find(userId, taskId)
  if (!row) throw new Problem('not-found', refusal)

  return row
}

function creating(router: Router, parts: TaskParts): void {
  const { records, follower, outbox, sources, limits, now } = parts
  const emails = limitedPerUser(limits.emails, now)
  const created = { 201: jsonAnswer(taskRecord, 'The task was created'), ...problems(401, 409, 413, 422, 429) }
  const make = async (task: Parameters<TaskRecords['add']>[0]) => {
    const row = await records.add(task)
    await outbox.deliver(row.task_id)

    return recordOf(await follower.current(row))
  }

  router.openapi(
    createRoute({
      ...common,
      method: 'post',
      path: '/tasks/email/send',
      operationId: 'sendEmail',
      summary: 'Send an e-mail',
      middleware: [emails, idempotent(parts)] as const,
      request: { headers: idempotencyHeader, body: jsonBody(emailRequest) },
      responses: created,
    }),
    async (c) => {
      const { to_email, subject, body, priority } = c.req.valid('json')
      const { userId } = c.get('caller')
      const record = await make({
        userId,
        type: 'email',
        metadata: { to_email, subject, priority },
        job: {
          id: c.get('resourceId'),
          task: 'email.send',
          input: { to: to_email, subject, body, priority, userId },
          options: { priority },
        },
      })

      return c.json(record, 201, { Location: `/tasks/${record.task_id}` })
    },
  )

  router.openapi(
    createRoute({
      ...common,
      method: 'post',
      path: '/tasks/data/process',
      operationId: 'processData',
      summary: 'Process data',
      description: processDescription,
      middleware: [idempotent(parts)] as const,
      request: { headers: idempotencyHeader, body: jsonBody(dataRequest) },
      responses: created,
    }),
    async (c) => {
      const { data_source, processing_type, output_format, filters = null } = c.req.valid('json')
      const { userId } = c.get('caller')
      const source = await sources.named(userId, data_source)
      const record = await make({
        userId,
        type: 'data_processing',
        metadata: { data_source, processing_type, output_format, filters },
        job: {
          id: c.get('resourceId'),
          task: 'data.process',
          input: { source, processing_type, output_format, filters },
        },
      })

      return c.json(record, 201, { Location: `/tasks/${record.task_id}` })
    },
  )
}
