/** Uploading data, and downloading what was made of it. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { createRoute, z } from '@hono/zod-openapi'
import { limitedPerUser, type RateLimits } from '../http/limits.ts'
import { Problem } from '../http/problem.ts'
import { jsonAnswer, makeRouter, problems, signedIn, type Router } from '../http/router.ts'
import type { Follower } from '../tasks/follower.ts'
import type { TaskRecords } from '../tasks/records.ts'
import type { SourceRow, Sources } from './data-sources.ts'
import { readableOf, receiveUpload } from './receive-upload.ts'
import { resultPath, uploadPath, type DataFolders } from './folders.ts'
import type { OutputFormat } from './write-result.ts'

export interface DataParts {
  readonly sources: Sources
  readonly records: TaskRecords
  readonly follower: Follower
  readonly folders: DataFolders
  readonly limits: RateLimits
  readonly uploadBytes: number
  readonly now: () => number
  readonly id: () => string
}

const sourceRecord = z
  .object({
    id: z.string(),
    name: z.string().nullable(),
    kind: z.enum(['csv', 'json', 'ndjson']),
    bytes: z.number().int(),
    sha256: z.string(),
    created_at: z.iso.datetime(),
  })
  .openapi('DataSource')

const contentTypes: Record<OutputFormat, string> = {
  json: 'application/json; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  xml: 'application/xml; charset=utf-8',
}

const common = { tags: ['data'], security: signedIn }
const file = z.string().openapi({ type: 'string', format: 'binary' })
const sourceParams = z.object({ source_id: z.string().max(100) })
const routes = {
  list: createRoute({
    ...common,
    method: 'get',
    path: '/data/sources',
    operationId: 'listSources',
    summary: 'List your uploads',
    request: {
      query: z.object({
        skip: z.coerce.number().int().min(0).max(1_000_000_000).default(0),
        limit: z.coerce.number().int().min(1).max(100).default(100),
      }),
    },
    responses: { 200: jsonAnswer(z.array(sourceRecord), 'Your uploads, newest first'), ...problems(401, 422) },
  }),
  remove: createRoute({
    ...common,
    method: 'delete',
    path: '/data/sources/{source_id}',
    operationId: 'deleteSource',
    summary: 'Delete an upload',
    request: { params: sourceParams },
    responses: { 204: { description: 'Deleted, with its file' }, ...problems(401, 404) },
  }),
  result: createRoute({
    ...common,
    method: 'get',
    path: '/tasks/{task_id}/result',
    operationId: 'downloadResult',
    summary: 'Download the result of a data task',
    description: 'The result of a data task, as a file.',
    request: { params: z.object({ task_id: z.string().max(100) }) },
    responses: {
      200: { description: 'The file', content: { 'application/octet-stream': { schema: file } } },
      ...problems(401, 404),
    },
  }),
}
/** Written down for the OpenAPI page only: zod would read the whole body to check it. */
const upload = createRoute({
  ...common,
  method: 'post',
  path: '/data/sources',
  operationId: 'uploadSource',
  summary: 'Upload data',
  description:
    'A file of up to 1 GB: CSV, JSON (an array of objects) or NDJSON. As a form, or as the body itself. The content tells which; what is declared as JSON or NDJSON has to be that.',
  request: {
    query: z.object({
      name: z.string().max(200).optional().openapi({ description: 'For a body that is the file itself' }),
    }),
    body: {
      required: true,
      content: {
        'multipart/form-data': { schema: z.object({ file }) },
        'text/csv': { schema: z.string() },
        'application/json': { schema: z.array(z.record(z.string(), z.unknown())) },
        'application/x-ndjson': { schema: z.string() },
      },
    },
  },
  responses: { 201: jsonAnswer(sourceRecord, 'Uploaded'), ...problems(401, 413, 415, 422, 429) },
})

export function dataRoutes(parts: DataParts): Router {
  const { sources } = parts
  const router = makeRouter()
  uploadRoute(router, parts)

  router.openapi(routes.list, async (c) => {
    const { skip, limit } = c.req.valid('query')
    const rows = await sources.list(c.get('caller').userId, skip, limit)

    return c.json(rows.map(sourceOf), 200)
  })
  router.openapi(routes.remove, async (c) => {
    const row = await sources.find(c.get('caller').userId, c.req.valid('param').source_id)
    if (!row) throw new Problem('not-found', 'Data source not found')
    await sources.remove(row)

    return c.body(null, 204)
  })
  router.openapi(routes.result, async (c) => download(parts, c.get('caller').userId, c.req.valid('param').task_id))
  return router
}

function uploadRoute(router: Router, { sources, folders, limits, uploadBytes, now, id }: DataParts): void {
  router.openAPIRegistry.registerPath(upload)
  router.post(upload.path, limitedPerUser(limits.uploads, now), async (c) => {
    const { userId } = c.get('caller')
    await sources.checkRoom(userId)
    const sourceId = id()
    const received = await receiveUpload({
      body: readableOf(c.req.raw.body),
      headers: c.req.header(),
      name: c.req.query('name'),
      pathFor: (kind) => uploadPath(folders, sourceId, kind),
      partPath: join(folders.uploads, `${sourceId}.part`),
      maxBytes: uploadBytes,
    })

    return c.json(sourceOf(await sources.add(userId, sourceId, received)), 201)
  })
}

function sourceOf({ id, name, kind, bytes, sha256, created_at }: SourceRow): z.output<typeof sourceRecord> {
  const createdAt = new Date(created_at).toISOString()

  return { id, name, kind: kind as 'csv' | 'json' | 'ndjson', bytes, sha256, created_at: createdAt }
}

async function download({ records, follower, folders }: DataParts, userId: number, taskId: string): Promise<Response> {
  const row = await records.find(userId, taskId)
  const current = row && (await follower.current(row))
  if (current?.task_type !== 'data_processing' || current.status !== 'completed') throw noResult()

  const format = (JSON.parse(current.metadata) as { output_format: OutputFormat }).output_format
  const path = resultPath(folders, current.task_id, format)
  const { size } = await stat(path).catch(() => {
    throw noResult()
  })

  return new Response(Readable.toWeb(createReadStream(path)) as ReadableStream, {
    headers: {
      'Content-Type': contentTypes[format],
      'Content-Length': String(size),
      'Content-Disposition': `attachment; filename="result-${current.task_id}.${format}"`,
    },
  })
}

const noResult = () => new Problem('not-found', 'There is no result to download')
