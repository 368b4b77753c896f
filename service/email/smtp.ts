/**
 * Sending by SMTP: one connection per message, encrypted unless the server is on this machine, with a time limit on
 * every step. A failure says whether trying again can help.
 */
import { createTransport } from 'nodemailer'
import { isLoopback } from '../settings.ts'
import type { SmtpSettings } from '../settings.ts'
import type { Message } from './message.ts'

interface Envelope extends Message {
  /** The same on every attempt, so that a receiver can tell a repetition from a second message. */
  readonly messageId: string
}

export type SendMail = (message: Envelope) => Promise<void>

/** What the server, or the way to it, made of a message. */
export class SmtpError extends Error {
  override readonly name = 'SmtpError'
  /** False: the same message would be refused again. */
  readonly retryable: boolean
  /** The server's answer, where there was one. */
  readonly responseCode: number | undefined

  constructor(message: string, retryable: boolean, responseCode: number | undefined, cause: unknown) {
    super(message, { cause })
    this.retryable = retryable
    this.responseCode = responseCode
  }
}

interface SmtpTimeouts {
  readonly connectMs: number
  readonly greetingMs: number
  readonly silenceMs: number
}

const smtpTimeouts: SmtpTimeouts = { connectMs: 10_000, greetingMs: 10_000, silenceMs: 30_000 }

export function smtpSender(smtp: SmtpSettings, from: string, timeouts = smtpTimeouts): SendMail {
  const local = isLoopback(smtp.host)
  const transport = createTransport({
    host: smtp.host,
    port: smtp.port,
    secure: smtp.port === 465,
    requireTLS: !local && smtp.port !== 465,
    // On this machine nobody listens in between, and such servers rarely have a certificate others would accept.
    tls: { minVersion: 'TLSv1.2', rejectUnauthorized: !local },
    ...(smtp.username && { auth: { user: smtp.username, pass: smtp.password ?? '' } }),
    connectionTimeout: timeouts.connectMs,
    greetingTimeout: timeouts.greetingMs,
    socketTimeout: timeouts.silenceMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  })

  return async ({ to, subject, body, messageId }) => {
    try {
      await transport.sendMail({
        from: { name: '', address: from },
        to: { name: '', address: to },
        envelope: { from, to: [to] },
        subject,
        text: body,
        messageId,
      })
    } catch (error) {
      throw smtpError(error)
    }
  }
}

/** A 5xx is the server's last word; a 4xx and every trouble on the way may be over the next time. */
export function smtpError(error: unknown): SmtpError {
  const { responseCode, code } = error as { responseCode?: number; code?: string }
  if (responseCode !== undefined && responseCode >= 500) {
    return new SmtpError(`The mail server refused the message for good (${responseCode}).`, false, responseCode, error)
  }
  if (responseCode !== undefined && responseCode >= 400) {
    return new SmtpError(`The mail server refused the message for now (${responseCode}).`, true, responseCode, error)
  }

  return new SmtpError(
    `The mail server could not be reached or did not answer (${code ?? 'no code'}).`,
    true,
    undefined,
    error,
  )
}
