/** The kind of router every part of the service makes its routes with: checked by zod, described in the OpenAPI page. */
import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { ZodError } from 'zod'
import { plainWords } from './plain-words.ts'
import { Problem, type Misfit } from './problem.ts'

/** Who sent the request, once the guard has let it pass. */
export interface Caller {
  readonly userId: number
  readonly email: string
  readonly name: string | null
  readonly createdAt: number
  readonly sessionId: string
}

interface Variables {
  requestId: string
  /** Set on every route that is not public. */
  caller: Caller
}

z.config({ customError: plainWords })

export type AppEnv = { Variables: Variables }
export type Router = OpenAPIHono<AppEnv>

export function makeRouter(): Router {
  return new OpenAPIHono<AppEnv>({
    // `/tasks/` and `/tasks` are one path.
    strict: false,
    defaultHook: (result) => {
      if (!result.success) throw invalid(result.error, result.target)
    },
  })
}

/** The problem that says which fields do not fit, and why. */
export function invalid(error: ZodError, target: string): Problem {
  const errors = error.issues.flatMap((issue) => misfits(issue, target))

  return new Problem(
    'invalid',
    `The request has ${errors.length === 1 ? 'a field that does' : 'fields that do'} not fit.`,
    { errors },
  )
}

function misfits(issue: ZodError['issues'][number], target: string): Misfit[] {
  const pointer = pointerOf(issue.path)
  // Names from strangers are data: they are quoted, and cut to a readable length.
  if (issue.code === 'unrecognized_keys') {
    return issue.keys
      .slice(0, 20)
      .map((key) => ({ pointer: pointerOf([...issue.path, key.slice(0, 60)]), message: 'unknown field' }))
  }

  return [
    {
      pointer: target === 'json' || target === 'form' ? pointer : String(issue.path[0] ?? target),
      message: issue.message,
    },
  ]
}

/** A JSON pointer; that of the whole body is an empty text. */
const pointerOf = (path: readonly PropertyKey[]) =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    detail: z.string(),
    instance: z.string(),
    errors: z.array(z.object({ pointer: z.string(), message: z.string() })).optional(),
    requestId: z.string().optional(),
  })
  .openapi('Problem')

/** How the problems a route may answer stand in the OpenAPI page. */
export function problems<Status extends number>(...statuses: Status[]) {
  const response = (status: number) => ({
    description: descriptions[status] ?? 'Problem',
    content: { 'application/problem+json': { schema: problemSchema } },
  })

  return Object.fromEntries(statuses.map((status) => [status, response(status)])) as Record<
    Status,
    ReturnType<typeof response>
  >
}

const descriptions: Record<number, string> = {
  401: 'Not signed in',
  404: 'Not found',
  409: 'A request with the same Idempotency-Key is being answered',
  413: 'Too large',
  415: 'Unsupported content type',
  422: 'The request does not fit',
  429: 'Too many requests',
}

/** A JSON body, which must be there. */
export const jsonBody = <T extends z.ZodType>(schema: T) => ({
  required: true,
  content: { 'application/json': { schema } },
})

export const jsonAnswer = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { 'application/json': { schema } },
})

/** Marks a route in the OpenAPI page as one that needs a token. */
export const signedIn = [{ password: [] as string[] }]
