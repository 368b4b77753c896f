/** A line of log per request, and the id that ties both together. Queries and bodies may hold secrets and stay out. */
import type { MiddlewareHandler } from 'hono'
import type { Logger } from 'pino'
import type { AppEnv } from './router.ts'

/** Somebody else's id is taken over only where it cannot forge a line or a header. */
const plainId = /^[\w.:-]{8,128}$/

export function requestLog(log: Logger, id: () => string): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const given = c.req.header('X-Request-Id')
    const requestId = given && plainId.test(given) ? given : id()
    const startedAt = performance.now()
    c.set('requestId', requestId)

    await next()

    c.res.headers.set('X-Request-Id', requestId)
    const ms = Math.round(performance.now() - startedAt)
    const { status } = c.res
    // At the usual level a terminal shows what went wrong here, and not everything that went well.
    const level = status >= 500 ? 'warn' : 'debug'
    log[level]({ requestId, method: c.req.method, path: c.req.path, status, ms }, 'request')
  }
}
