/** One e-mail: what may stand in it, and the text that is logged of it. */
import { z } from '@hono/zod-openapi'
import { isAddress } from './address.ts'

export const priorities = ['low', 'normal', 'high', 'urgent'] as const
export type EmailPriority = (typeof priorities)[number]

const bodyBytes = 512 * 1024

/** A header is one line: a line break would begin a header of the sender's choice. */
const isOneLine = (text: string) => !/\p{Cc}|[\u2028\u2029]/u.test(text)

/** Half a surrogate pair is no character, and no encoding of mail can carry it. */
const isWhole = (text: string) => text.isWellFormed()
const notWhole = 'half a character (a lone surrogate) is not allowed'

export const addressField = z
  .string()
  .max(254)
  .refine(isAddress, 'expected one e-mail address, such as ann@example.com')
export const subjectField = z
  .string()
  .min(1)
  .max(500)
  .refine((text) => text === '' || text.trim() !== '', 'must not be only spaces')
  .refine(isOneLine, 'line breaks and control characters are not allowed')
  .refine(isWhole, notWhole)
export const bodyField = z
  .string()
  .min(1)
  .refine((text) => !text.includes('\0'), 'NUL characters are not allowed')
  .refine(isWhole, notWhole)
  .refine((text) => Buffer.byteLength(text) <= bodyBytes, `expected at most ${bodyBytes} bytes`)

export interface Message {
  readonly to: string
  readonly subject: string
  readonly body: string
}

/** What is kept of a body: its first 100 characters. */
export function excerptOf(body: string): string {
  const characters = Array.from(body.slice(0, 400))

  return characters.length > 100 || body.length > 400 ? `${characters.slice(0, 100).join('')}...` : body
}
