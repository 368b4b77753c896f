/** The tasks that send e-mail. Priority is the job's own: an urgent message overtakes those that wait. */
import { Fatal, type Errand, type JobContext, type RetryOptions } from 'errand'
import { z } from 'zod'
import type { Database } from '../database/database.ts'
import { prepareReset } from '../auth/resets.ts'
import { addressField, bodyField, priorities, subjectField, type EmailPriority, type Message } from './message.ts'
import { SentLog } from './sent-log.ts'
import { SmtpError, type SendMail } from './smtp.ts'
import {
  alreadyRegistered,
  alreadyRegisteredInput,
  notification,
  notificationInput,
  passwordReset,
  welcome,
  welcomeInput,
} from './templates.ts'

const emailInput = z.strictObject({
  to: addressField,
  subject: subjectField,
  body: bodyField,
  priority: z.enum(priorities),
  userId: z.number().int(),
})

export interface EmailResult {
  status: 'sent'
  email_id: string
  recipient: string
  priority: EmailPriority
  message_id: string
}

/** Greylisting servers want minutes between attempts, and outages last longer: an hour in all. */
const retry: RetryOptions = { attempts: 12, backoff: 'exponential', first: '5s', max: '15m' }
const common = { retry, timeout: '2m', keep: { succeeded: '7d', failed: '14d' } } as const

export function declareEmailTasks(errand: Errand) {
  return {
    sendEmail: errand.declare('email.send', { input: emailInput, ...common, redact: ['body'] }).returns<EmailResult>(),
    sendWelcome: errand.declare('email.welcome', { input: welcomeInput, ...common }).returns<EmailResult>(),
    sendAlreadyRegistered: errand
      .declare('email.already-registered', { input: alreadyRegisteredInput, ...common })
      .returns<EmailResult>(),
    sendNotification: errand
      .declare('email.notification', { input: notificationInput, ...common })
      .returns<EmailResult>(),
    // The token is computed while it runs; see auth/keys.ts.
    sendReset: errand
      .declare('email.password-reset', { input: z.strictObject({ email: addressField }), ...common })
      .returns<EmailResult | null>(),
  }
}

export interface EmailParts {
  readonly database: Database
  readonly send: SendMail
  readonly fromEmail: string
  readonly baseUrl: string
  readonly resetKey: Uint8Array
  readonly now?: () => number
}

type EmailTasks = ReturnType<typeof declareEmailTasks>

export function handleEmailTasks(jobs: { readonly errand: Errand } & EmailTasks, parts: EmailParts): void {
  const { errand } = jobs
  const { database, baseUrl, resetKey: key, now = Date.now } = parts
  const deliver = delivery(parts)

  errand.handle(jobs.sendEmail, ({ to, subject, body, priority, userId }, job) =>
    deliver(job, { to, subject, body }, { priority, userId }),
  )
  errand.handle(jobs.sendWelcome, (input, job) => deliver(job, welcome(input), { priority: 'high' }))
  errand.handle(jobs.sendAlreadyRegistered, (input, job) =>
    deliver(job, alreadyRegistered(input, baseUrl), { priority: 'high' }),
  )
  errand.handle(jobs.sendNotification, (input, job) => deliver(job, notification(input), { priority: 'high' }))
  errand.handle(jobs.sendReset, async ({ email }, job) => {
    const token = await prepareReset({ database, key, now }, { id: job.id, email })
    if (token === undefined) return null

    return deliver(job, passwordReset(email, token, baseUrl), { priority: 'urgent', secret: true })
  })
}

interface Manner {
  readonly priority: EmailPriority
  readonly userId?: number
  readonly secret?: boolean
}

function delivery({ database, send, fromEmail, now }: EmailParts) {
  const sent = new SentLog(database, now)
  const domain = fromEmail.slice(fromEmail.lastIndexOf('@') + 1)

  return async (
    job: JobContext,
    message: Message,
    { priority, userId, secret = false }: Manner,
  ): Promise<EmailResult> => {
    const messageId = `<${job.id}@${domain}>`
    const result: EmailResult = {
      status: 'sent',
      email_id: job.id,
      recipient: message.to,
      priority,
      message_id: messageId,
    }
    // A worker that died between sending and settling has sent it.
    if (await sent.has(job.id)) return result

    await job.progress(10, { of: 100, note: 'sending' })
    job.signal.throwIfAborted()
    await send({ ...message, messageId }).catch(giveUpWhereHopeless)
    await sent.add({ id: job.id, message, priority, messageId, userId, secret })
    return result
  }
}

function giveUpWhereHopeless(error: unknown): never {
  if (error instanceof SmtpError && !error.retryable) throw new Fatal(error.message, { cause: error })
  throw error
}
