/** The answer where nothing answers: the path is unknown, or it is known and takes other methods. */
import type { Context } from 'hono'
import { Problem } from './problem.ts'
import type { AppEnv, Router } from './router.ts'

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

export function notAnswered(router: Router, { req }: Context<AppEnv>): Problem {
  const allowed = methods.filter((method) => answers(router, method, req.path))
  if (allowed.length === 0) return new Problem('not-found', 'There is nothing at this path.')
  const allow = allowed.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ')

  return new Problem('method-not-allowed', `This path does not take ${req.method}. Expected ${allow}.`, {
    headers: { Allow: allow },
  })
}

/** Middleware is there for every method; a route is not. */
function answers(router: Router, method: string, path: string): boolean {
  return router.router.match(method, path)[0].some(([[, route]]) => route.method !== 'ALL')
}
