/** Registering, signing in and out, and a new password. */
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { isAddress } from '../email/address.ts'
import { parsedJson } from '../http/json-body.ts'
import { takeOrRefuse, type RateLimits } from '../http/limits.ts'
import { Problem } from '../http/problem.ts'
import {
  invalid,
  jsonAnswer,
  jsonBody,
  makeRouter,
  problems,
  signedIn,
  type AppEnv,
  type Router,
} from '../http/router.ts'
import { TokenBuckets } from '../http/token-buckets.ts'
import type { AccessTokens } from './access-tokens.ts'
import type { Accounts } from './accounts.ts'
import { notSignedIn } from './guard.ts'
import { isCommonPassword } from './common-passwords.ts'
import { LogInThrottle } from './log-in-throttle.ts'
import { normalAddress } from '../email/address.ts'
import { resetPage } from './reset-page.ts'
import type { Resets } from './resets.ts'
import type { OpenSession, Sessions } from './sessions.ts'

export interface AuthParts {
  readonly accounts: Accounts
  readonly resets: Resets
  readonly sessions: Sessions
  readonly tokens: AccessTokens
  readonly limits: RateLimits
  readonly now: () => number
  /** The network address a request came from. */
  readonly addressOf: (c: Context) => string
}

const emailField = z
  .string()
  .max(254)
  .refine(isAddress, 'expected an e-mail address')
  .openapi({ example: 'ann@example.com' })
const noControls = (text: string) => !/\p{Cc}/u.test(text)
const passwordField = z
  .string()
  .min(8, 'expected at least 8 characters')
  .max(128, { error: 'expected at most 128 characters', abort: true })
  .refine((text) => !isCommonPassword(text), 'is among the passwords that are tried first: choose another')
  .openapi({ example: 'correct horse battery' })
/** The name goes into greetings and subjects. */
const nameField = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .refine(noControls, 'line breaks and control characters are not allowed')
  .refine((text) => text.isWellFormed(), 'half a character (a lone surrogate) is not allowed')

const registration = z
  .strictObject({ email: emailField, password: passwordField, name: nameField.optional() })
  .openapi('Registration')
const registered = z
  .object({ email: z.string(), name: z.string().nullable(), detail: z.string() })
  .openapi('Registered')

const tokenRequest = z
  .strictObject({
    grant_type: z.enum(['password', 'refresh_token']).default('password'),
    /** The e-mail address; `email` is taken too. */
    username: z.string().max(254).optional(),
    email: z.string().max(254).optional(),
    password: z.string().max(1_000).optional(),
    refresh_token: z.string().max(200).optional(),
    scope: z.string().max(200).optional(),
    client_id: z.string().max(200).optional(),
    client_secret: z.string().max(200).optional(),
  })
  .openapi('TokenRequest')
const tokenAnswer = z
  .object({
    access_token: z.string(),
    token_type: z.literal('bearer'),
    expires_in: z.number().int(),
    refresh_token: z.string(),
  })
  .openapi('Token')

const user = z
  .object({ id: z.number().int(), email: z.string(), name: z.string().nullable(), created_at: z.iso.datetime() })
  .openapi('User')
const detail = z.object({ detail: z.string() }).openapi('Detail')
const newPassword = z.strictObject({ token: z.string().max(200), new_password: passwordField }).openapi('NewPassword')

const formOrJson = <T extends z.ZodType>(schema: T) => ({
  required: true,
  content: { 'application/x-www-form-urlencoded': { schema }, 'application/json': { schema } },
})

const routes = {
  register: createRoute({
    method: 'post',
    path: '/register',
    operationId: 'register',
    summary: 'Make an account',
    tags: ['accounts'],
    description:
      'Makes an account. The answer is the same if the address has one already; its owner is told by e-mail.',
    request: { body: jsonBody(registration) },
    responses: { 201: jsonAnswer(registered, 'Accepted; an e-mail is on its way'), ...problems(422, 429) },
  }),
  refresh: createRoute({
    method: 'post',
    path: '/token/refresh',
    operationId: 'refreshTokens',
    summary: 'Trade a refresh token for new tokens',
    tags: ['accounts'],
    description: 'Trades a refresh token for new tokens. Each is good once; a second use ends the session.',
    request: { body: jsonBody(z.strictObject({ refresh_token: z.string().max(200) })) },
    responses: { 200: jsonAnswer(tokenAnswer, 'New tokens'), ...problems(401, 422) },
  }),
  logOut: createRoute({
    method: 'post',
    path: '/logout',
    operationId: 'signOut',
    summary: 'End the session',
    tags: ['accounts'],
    security: signedIn,
    responses: { 204: { description: 'The session has ended, and its tokens with it' }, ...problems(401) },
  }),
  me: createRoute({
    method: 'get',
    path: '/users/me',
    operationId: 'readOwnAccount',
    summary: 'Read your account',
    tags: ['accounts'],
    security: signedIn,
    responses: { 200: jsonAnswer(user, 'The account of the token'), ...problems(401) },
  }),
  forgot: createRoute({
    method: 'post',
    path: '/password/forgot',
    operationId: 'forgotPassword',
    summary: 'Ask for a link to a new password',
    tags: ['accounts'],
    description: 'Sends a link for a new password, if the address has an account. The answer does not tell.',
    request: { body: jsonBody(z.strictObject({ email: emailField })) },
    responses: {
      202: jsonAnswer(detail, 'If there is such an account, an e-mail is on its way'),
      ...problems(422, 429),
    },
  }),
}

export function authRoutes(parts: AuthParts): Router {
  const { accounts, sessions, now } = parts
  const router = makeRouter()
  const throttle = new LogInThrottle(parts.limits, now)
  const registrations = new TokenBuckets(parts.limits.registrations, now)
  const unasked = new TokenBuckets(parts.limits.unasked, now)

  router.openapi(routes.register, async (c) => {
    takeOrRefuse(registrations, parts.addressOf(c))
    const account = c.req.valid('json')
    takeOrRefuse(unasked, normalAddress(account.email))
    throttle.hashing()
    await accounts.register(account)

    return c.json({ email: account.email, name: account.name ?? null, detail: registeredDetail }, 201)
  })

  router.openapi(routes.refresh, async (c) => c.json(await refreshed(parts, c.req.valid('json').refresh_token), 200))
  router.openapi(routes.logOut, async (c) => {
    await sessions.end(c.get('caller').sessionId)
    return c.body(null, 204)
  })
  router.openapi(routes.me, (c) => {
    const { userId, email, name, createdAt } = c.get('caller')
    return c.json({ id: userId, email, name, created_at: new Date(createdAt).toISOString() }, 200)
  })
  router.openapi(routes.forgot, async (c) => {
    const { email } = c.req.valid('json')
    takeOrRefuse(registrations, parts.addressOf(c))
    takeOrRefuse(unasked, normalAddress(email))
    await accounts.forgot(email)

    return c.json({ detail: 'If this address has an account, a link is on its way to it.' }, 202)
  })
  tokenRoute(router, parts, throttle)
  resetRoutes(router, parts, throttle)
  return router
}

const registeredDetail =
  'You can sign in now. If the address had an account before, it is unchanged and its owner has been told.'

function tokenRoute(router: Router, parts: AuthParts, throttle: LogInThrottle): void {
  const route = createRoute({
    method: 'post',
    path: '/token',
    operationId: 'signIn',
    summary: 'Sign in',
    tags: ['accounts'],
    description: 'Signs in: `username` is the e-mail address. As an OAuth2 form, or as JSON.',
    request: { body: formOrJson(tokenRequest) },
    responses: { 200: jsonAnswer(tokenAnswer, 'Tokens'), ...problems(401, 422, 429) },
  })

  router.openAPIRegistry.registerPath(route)
  router.post(route.path, async (c) => {
    const request = await parsedBody(c, tokenRequest)
    if (request.grant_type === 'refresh_token') return c.json(await refreshed(parts, request.refresh_token ?? ''))
    const email = request.username ?? request.email
    if (email === undefined || request.password === undefined) throw missingCredentials(email)

    const succeeded = throttle.attempt(normalAddress(email), parts.addressOf(c))
    const userId = await parts.accounts.recognise(email, request.password)
    if (userId === undefined) throw notSignedIn('Wrong e-mail address or password.')

    succeeded()
    return c.json(await answer(parts, await parts.sessions.open(userId)))
  })
}

function missingCredentials(email: string | undefined): Problem {
  const missing = [...(email === undefined ? ['username'] : []), 'password']
  const errors = missing.map((field) => ({ pointer: `/${field}`, message: 'is required' }))

  return new Problem('invalid', 'Signing in takes an e-mail address as `username`, and a password.', { errors })
}

async function refreshed(parts: AuthParts, refreshToken: string) {
  const session = await parts.sessions.refresh(refreshToken)
  if (!session) throw notSignedIn('The refresh token is not good, or no longer.')

  return answer(parts, session)
}

async function answer({ tokens }: AuthParts, session: OpenSession) {
  return {
    access_token: await tokens.sign(session),
    token_type: 'bearer' as const,
    expires_in: tokens.lifeSeconds,
    refresh_token: session.refreshToken,
  }
}

/** A body that may be a form or JSON, by its content type. */
async function parsedBody<T extends z.ZodType>(c: Context<AppEnv>, schema: T): Promise<z.output<T>> {
  const type = (c.req.header('Content-Type') ?? '').split(';')[0]!.trim().toLowerCase()
  const parsed = schema.safeParse(await bodyOf(c, type))
  if (!parsed.success) throw invalid(parsed.error, 'json')

  return parsed.data
}

async function bodyOf(c: Context<AppEnv>, type: string): Promise<unknown> {
  const text = await c.req.text()
  if (type === 'application/x-www-form-urlencoded') return Object.fromEntries(new URLSearchParams(text))
  if (type !== 'application/json') throw new Problem('unsupported-type', 'Expected a form or JSON.')

  return parsedJson(text)
}

function resetRoutes(router: Router, parts: AuthParts, throttle: LogInThrottle): void {
  const route = createRoute({
    method: 'post',
    path: '/password/reset',
    operationId: 'resetPassword',
    summary: 'Set a new password',
    tags: ['accounts'],
    description: 'Sets a new password with the token of the e-mail, and ends every session of the account.',
    request: { body: formOrJson(newPassword) },
    responses: { 200: jsonAnswer(detail, 'The password is changed'), ...problems(422, 429) },
  })
  const attempts = new TokenBuckets(parts.limits.registrations, parts.now)

  router.openAPIRegistry.registerPath(route)
  router.post(route.path, async (c) => {
    takeOrRefuse(attempts, parts.addressOf(c))
    const { token, new_password } = await parsedBody(c, newPassword)
    throttle.hashing()
    if (!(await parts.resets.use(token, new_password))) {
      throw new Problem('invalid', 'The link is not good, or no longer.', {
        errors: [{ pointer: '/token', message: 'not good, or no longer' }],
      })
    }
    return c.json({ detail: 'The password is changed. Sign in with the new one.' })
  })
  // Where the link of the e-mail leads.
  router.get('/password/reset', (c) => resetPage(c, c.req.query('token') ?? ''))
}
