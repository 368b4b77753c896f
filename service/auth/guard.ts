/**
 * The guard before every route: deny by default.
 *
 * A route is open to everybody only if it is listed here. A new one needs a token until somebody writes it down.
 */
import type { MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import { Problem } from '../http/problem.ts'
import type { AppEnv } from '../http/router.ts'
import type { AccessTokens } from './access-tokens.ts'
import type { Sessions } from './sessions.ts'

export const publicRoutes: ReadonlySet<string> = new Set([
  'GET /',
  'GET /livez',
  'GET /readyz',
  'GET /docs',
  'GET /docs/:file',
  'GET /openapi.json',
  'GET /problems/:kind',
  'POST /register',
  'POST /token',
  'POST /token/refresh',
  'POST /password/forgot',
  'GET /password/reset',
  'POST /password/reset',
  'GET /assets/:file',
  // Only on a loopback address, and only while no mail server is set: see email/mailbox/routes.ts.
  'GET /mailbox',
  'GET /mailbox/messages',
  'GET /mailbox/messages/:id',
])

/** The routes that would answer this request, without the middleware. */
export function answering(routes: ReturnType<typeof matchedRoutes>): string[] {
  return routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method} ${path.replace(/(?<=.)\/$/, '')}`)
}

export function guard(tokens: AccessTokens, sessions: Sessions): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const routes = answering(matchedRoutes(c))
    // Where there is no route at all there is nothing to protect, and the answer is "not found".
    if (routes.every((route) => publicRoutes.has(route))) return next()

    const claims = await claimsOf(tokens, c.req.header('Authorization'))
    const caller = claims && (await sessions.callerOf(claims))
    if (!caller) throw notSignedIn(claims ? 'The session has ended.' : 'A valid access token is needed.')

    c.set('caller', caller)
    await next()
  }
}

async function claimsOf(tokens: AccessTokens, header: string | undefined) {
  const token = /^Bearer (\S+)$/i.exec(header ?? '')?.[1]

  return token === undefined ? undefined : tokens.verify(token)
}

export function notSignedIn(detail: string): Problem {
  return new Problem('unauthorized', detail, { headers: { 'WWW-Authenticate': 'Bearer realm="errand"' } })
}
