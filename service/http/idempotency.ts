/**
 * Idempotency-Key: the same request sent twice is carried out once.
 *
 * The key is taken before anything happens, together with the id that what is made will have. So a request that a
 * crash cut short is carried out again by its repetition, and makes the very same thing.
 */
import { createHash, randomUUID } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'
import type { Database } from '../database/database.ts'
import { Problem, problemOf, retryAfter } from './problem.ts'
import type { AppEnv } from './router.ts'

/** Tells this process from those that held keys before it. */
const thisProcess = randomUUID()
const keptMs = 24 * 60 * 60 * 1000
const keptHeaders = ['content-type', 'location']

interface Parts {
  readonly database: Database
  readonly now: () => number
  /** Makes the ids of what requests make. */
  readonly id: () => string
}

export type IdempotentEnv = AppEnv & { Variables: AppEnv['Variables'] & { resourceId: string } }

/** Sets `resourceId`, and answers repetitions of a request with its first answer. */
export function idempotent(parts: Parts): MiddlewareHandler<IdempotentEnv> {
  return async (c, next) => {
    const key = c.req.header('Idempotency-Key')
    if (key === undefined) {
      c.set('resourceId', parts.id())
      return next()
    }
    checkKey(key)
    const userId = c.get('caller').userId
    const fingerprint = digest(`${c.req.method} ${routePath(c, -1)} ${await c.req.text()}`)
    const held = await hold(parts, userId, key, fingerprint)

    if (held.fingerprint !== fingerprint) {
      throw new Problem('key-reused', 'This Idempotency-Key was used for another request.')
    }
    if (held.status !== null) return replay(held.status, held.headers, held.body)
    if (!held.ours) {
      throw new Problem('conflict', 'A request with this Idempotency-Key is being answered.', {
        headers: retryAfter(1_000),
      })
    }
    c.set('resourceId', held.resource_id)
    await next()
    await keep(parts, userId, key, c.res, c.error)
  }
}

function checkKey(key: string): void {
  if (/^[\x21-\x7e]{1,200}$/.test(key)) return
  throw new Problem('invalid', 'The Idempotency-Key does not fit.', {
    errors: [{ pointer: 'Idempotency-Key', message: 'expected 1 to 200 printable characters without spaces' }],
  })
}

const digest = (text: string) => createHash('sha256').update(text).digest('hex')

/** Takes the key, or tells who has it. A holder from an earlier process is gone, so its request is taken over. */
async function hold({ database, now, id }: Parts, userId: number, key: string, fingerprint: string) {
  return database.transaction().execute(async (tx) => {
    await tx
      .deleteFrom('idempotency')
      .where('created_at', '<', now() - keptMs)
      .execute()
    const found = await tx
      .selectFrom('idempotency')
      .selectAll()
      .where('user_id', '=', userId)
      .where('key', '=', key)
      .executeTakeFirst()

    if (!found) {
      const row = {
        user_id: userId,
        key,
        fingerprint,
        resource_id: id(),
        process: thisProcess,
        status: null,
        headers: null,
        body: null,
        created_at: now(),
      }
      await tx.insertInto('idempotency').values(row).execute()
      return { ...row, ours: true }
    }
    const abandoned = found.status === null && found.process !== thisProcess && found.fingerprint === fingerprint
    if (abandoned) {
      await tx
        .updateTable('idempotency')
        .set({ process: thisProcess })
        .where('user_id', '=', userId)
        .where('key', '=', key)
        .execute()
    }
    return { ...found, ours: abandoned }
  })
}

function replay(status: number, headers: string | null, body: string | null): Response {
  return new Response(body, {
    status,
    headers: { ...(JSON.parse(headers ?? '{}') as object), 'Idempotency-Replayed': 'true' },
  })
}

/** Keeps the answer; or lets go of the key if nothing came of the request, so that it can be tried again. */
async function keep(
  { database }: Parts,
  userId: number,
  key: string,
  response: Response,
  error: Error | undefined,
): Promise<void> {
  const ofKey = database.updateTable('idempotency').where('user_id', '=', userId).where('key', '=', key)
  const status = error ? 500 : response.status
  if (status >= 300) {
    if (error && problemOf(error).kind === 'internal') {
      // It may have happened. The row stays with its resource id, for whoever repeats the request.
      await ofKey.set({ process: 'none' }).execute()
    } else {
      await database.deleteFrom('idempotency').where('user_id', '=', userId).where('key', '=', key).execute()
    }
    return
  }
  const headers = Object.fromEntries(
    keptHeaders.flatMap((name) => (response.headers.has(name) ? [[name, response.headers.get(name)]] : [])),
  )

  await ofKey.set({ status, headers: JSON.stringify(headers), body: await response.clone().text() }).execute()
}
