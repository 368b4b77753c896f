/** The HTTP side: every route behind the same guards, built from its parts, without a port of its own. */
import type { Logger } from 'pino'
import { guard } from './auth/guard.ts'
import { authRoutes, type AuthParts } from './auth/routes.ts'
import { dataRoutes, type DataParts } from './data/routes.ts'
import { describeSecurity, docsRoutes } from './docs/routes.ts'
import { mailboxRoutes, type MailboxParts } from './email/mailbox/routes.ts'
import { emailRoutes } from './email/routes.ts'
import type { SentLog } from './email/sent-log.ts'
import { healthRoutes, type HealthParts } from './health/routes.ts'
import { jsonFault } from './http/json-body.ts'
import { limitedBody, limitedPerUser } from './http/limits.ts'
import { notAnswered } from './http/method-not-allowed.ts'
import { problemOf, problemResponse } from './http/problem.ts'
import { requestLog } from './http/request-log.ts'
import { makeRouter, type Router } from './http/router.ts'
import { securityHeaders } from './http/security-headers.ts'
import { taskRoutes, type TaskParts } from './tasks/routes.ts'

export interface AppParts extends AuthParts, TaskParts, DataParts, MailboxParts, HealthParts {
  readonly sent: SentLog
  readonly log: Logger
  /** Whether people reach the service by https. */
  readonly secure: boolean
}

export function makeApp(parts: AppParts): Router {
  const app = makeRouter()
  describeSecurity(app)
  const wholeBody = limitedBody()
  const perUser = limitedPerUser(parts.limits.requests, parts.now)

  app.use(requestLog(parts.log, parts.id))
  app.use(securityHeaders(parts.secure))
  // Uploads are streamed, with a limit of their own.
  app.use((c, next) => (c.req.path.replace(/\/$/, '') === '/data/sources' ? next() : wholeBody(c, next)))
  app.use(guard(parts.tokens, parts.sessions))
  app.use((c, next) => (c.get('caller') ? perUser(c, next) : next()))

  app.route('/', authRoutes(parts))
  app.route('/', taskRoutes(parts))
  app.route('/', dataRoutes(parts))
  app.route('/', emailRoutes(parts.sent))
  app.route('/', mailboxRoutes(parts))
  app.route('/', healthRoutes(parts))
  app.route('/', docsRoutes(app))

  app.notFound((c) => problemResponse(c, notAnswered(app, c)))
  app.onError(async (error, c) => {
    const problem = (await jsonFault(error, c)) ?? problemOf(error)
    if (problem.kind === 'internal') parts.log.error({ err: error, requestId: c.get('requestId') }, 'a request failed')

    return problemResponse(c, problem)
  })
  return app
}
