/** Whether the process lives, and whether it can do its work. Both are open to everybody and tell nothing else. */
import { createRoute, z } from '@hono/zod-openapi'
import type { Errand } from 'errand'
import { jsonAnswer, makeRouter, type Router } from '../http/router.ts'
import { sql } from 'kysely'
import type { Database } from '../database/database.ts'

export interface HealthParts {
  readonly database: Database
  readonly errand: Errand
  /** Aborted when the service is about to stop: it takes no new requests then. */
  readonly closing: AbortSignal
}

type Check = readonly [name: string, good: () => Promise<boolean>]

const readiness = z
  .object({ status: z.enum(['ready', 'not ready']), checks: z.record(z.string(), z.enum(['good', 'bad'])) })
  .openapi('Readiness')
/** Written down for the OpenAPI page only. */
const described = [
  createRoute({
    method: 'get',
    path: '/livez',
    operationId: 'isAlive',
    summary: 'Whether the process lives',
    tags: ['health'],
    responses: { 200: jsonAnswer(z.object({ status: z.literal('alive') }), 'It does') },
  }),
  createRoute({
    method: 'get',
    path: '/readyz',
    operationId: 'isReady',
    summary: 'Whether it can do its work',
    tags: ['health'],
    responses: { 200: jsonAnswer(readiness, 'It can'), 503: jsonAnswer(readiness, 'Not yet, or no longer') },
  }),
]

const longestMs = 2_000

export function healthRoutes({ database, errand, closing }: HealthParts): Router {
  const router = makeRouter()
  const checks: Check[] = [
    ['accepting', async () => !closing.aborted],
    ['database', async () => (await sql`select 1`.execute(database)).rows.length === 1],
    ['store', async () => (await errand.queues()) instanceof Array],
    ['worker', async () => (await errand.workers()).some(({ leaseLeftMs }) => leaseLeftMs > 0)],
  ]

  for (const route of described) router.openAPIRegistry.registerPath(route)

  router.get('/livez', (c) => c.json({ status: 'alive' }))
  router.get('/readyz', async (c) => {
    const results = await Promise.all(checks.map(async ([name, good]) => [name, await verdict(good)] as const))
    const ready = results.every(([, good]) => good)
    const body = {
      status: ready ? 'ready' : 'not ready',
      checks: Object.fromEntries(results.map(([name, good]) => [name, good ? 'good' : 'bad'])),
    }

    return c.json(body, ready ? 200 : 503)
  })
  return router
}

/** A check that throws, or does not answer, has failed. */
async function verdict(good: () => Promise<boolean>): Promise<boolean> {
  const late = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => late.resolve(false), longestMs)

  return Promise.race([good().catch(() => false), late.promise]).finally(() => clearTimeout(timer))
}
