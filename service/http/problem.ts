/**
 * Errors as answers: RFC 9457 problem details. Each kind has a stable `type` whose page says more; what went wrong
 * inside stays inside, and the request id leads to the log.
 */
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'

export interface ProblemKind {
  readonly status: ContentfulStatusCode
  readonly title: string
  /** What the page of this problem says. */
  readonly help: string
}

export const problemKinds = {
  'bad-request': {
    status: 400,
    title: 'The request cannot be understood',
    help: 'Check the syntax of the body and of the headers.',
  },
  unauthorized: {
    status: 401,
    title: 'Not signed in',
    help: 'Get a token at POST /token and send it as "Authorization: Bearer <token>". Tokens end after a while; POST /token/refresh gives new ones.',
  },
  'not-found': {
    status: 404,
    title: 'Not found',
    help: 'Check the path and the id. What belongs to somebody else is not found either.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Method not allowed',
    help: 'The path exists, but not with this method; /docs lists what there is.',
  },
  conflict: {
    status: 409,
    title: 'Another request is in the way',
    help: 'A request with the same Idempotency-Key is being answered. Repeat it a little later.',
  },
  'too-large': { status: 413, title: 'Too large', help: 'Send less. Large data goes to POST /data/sources.' },
  'unsupported-type': {
    status: 415,
    title: 'Unsupported content type',
    help: 'Send the content type that /docs names for this path.',
  },
  invalid: { status: 422, title: 'The request does not fit', help: '"errors" says where and why.' },
  'key-reused': {
    status: 422,
    title: 'Idempotency-Key used for another request',
    help: 'Use a new key for each new request; repeat a key only with the very same request.',
  },
  'too-many-requests': { status: 429, title: 'Too many requests', help: 'Wait for as long as Retry-After says.' },
  internal: {
    status: 500,
    title: 'Something went wrong here',
    help: 'It was logged under the request id. Repeating the request with an Idempotency-Key is safe.',
  },
  unavailable: { status: 503, title: 'Busy or unavailable', help: 'Nothing was changed. Try again a little later.' },
} as const satisfies Record<string, ProblemKind>

export type ProblemName = keyof typeof problemKinds

/** One place of the request that does not fit. */
export interface Misfit {
  /** A JSON pointer into the body, or the parameter's name. */
  readonly pointer: string
  readonly message: string
}

export class Problem extends Error {
  override readonly name = 'Problem'
  readonly kind: ProblemName
  readonly errors: readonly Misfit[] | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(
    kind: ProblemName,
    detail: string,
    more: { errors?: readonly Misfit[]; headers?: Readonly<Record<string, string>>; cause?: unknown } = {},
  ) {
    super(detail, { cause: more.cause })
    this.kind = kind
    this.errors = more.errors
    this.headers = more.headers ?? {}
  }
}

/** Seconds for a Retry-After header, never 0. */
export const retryAfter = (ms: number) => ({ 'Retry-After': String(Math.max(1, Math.ceil(ms / 1000))) })

/** The problem that an error amounts to. What is not meant for callers becomes `internal`, without a word of it. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof HTTPException) return fromHttpException(error)
  const code = (error as { code?: unknown } | null)?.code

  if (code === 'STORE_BUSY')
    return new Problem('unavailable', 'The job store is busy.', { headers: retryAfter(1_000), cause: error })
  if (code === 'STORE_FULL')
    return new Problem('unavailable', 'The job store has no room left.', { headers: retryAfter(60_000), cause: error })
  if (code === 'PAYLOAD_TOO_LARGE')
    return new Problem('too-large', 'The request is larger than a task can carry.', { cause: error })
  return new Problem('internal', 'The request could not be carried out.', { cause: error })
}

function fromHttpException(error: HTTPException): Problem {
  if (error.status === 413) return new Problem('too-large', 'The body is too large.')
  if (error.status === 415) return new Problem('unsupported-type', 'The body is of a type that is not taken here.')
  if (error.status >= 500) return new Problem('internal', 'The request could not be carried out.', { cause: error })

  return new Problem('bad-request', 'The body cannot be read: it is not what its content type says.', { cause: error })
}

export function problemResponse(c: Context, problem: Problem): Response {
  const { status, title } = problemKinds[problem.kind]
  const body = {
    type: `/problems/${problem.kind}`,
    title,
    status,
    detail: problem.message,
    instance: c.req.path,
    ...(problem.errors && { errors: problem.errors }),
    requestId: c.get('requestId') as string | undefined,
  }

  return c.body(JSON.stringify(body), status, { 'Content-Type': 'application/problem+json', ...problem.headers })
}
