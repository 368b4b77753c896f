/** The log of sent e-mails, for those who sent them. Sending is a task: see tasks/routes.ts. */
import { createRoute, z } from '@hono/zod-openapi'
import { jsonAnswer, makeRouter, problems, signedIn, type Router } from '../http/router.ts'
import { normalAddress } from './address.ts'
import type { SentLog } from './sent-log.ts'

const sentEmail = z
  .object({
    email_id: z.string(),
    to: z.string(),
    subject: z.string(),
    body: z.string().nullable(),
    priority: z.string(),
    message_id: z.string(),
    sent_at: z.iso.datetime(),
  })
  .openapi('SentEmail')

const route = createRoute({
  method: 'get',
  path: '/emails/sent',
  operationId: 'listSentEmails',
  summary: 'List the e-mails you sent',
  tags: ['e-mail'],
  description: 'What this account has sent, newest first. Of each text the first 100 characters are kept.',
  security: signedIn,
  request: {
    query: z.object({
      to: z.string().max(254).optional(),
      limit: z.coerce.number().int().min(1).max(100).default(100),
    }),
  },
  responses: { 200: jsonAnswer(z.array(sentEmail), 'The log'), ...problems(401, 422) },
})

export function emailRoutes(sent: SentLog): Router {
  const router = makeRouter()

  router.openapi(route, async (c) => {
    const { to, limit } = c.req.valid('query')
    const rows = await sent.list(c.get('caller').userId, { recipient: to && normalAddress(to), limit })

    return c.json(
      rows.map((row) => ({
        email_id: row.id,
        to: row.recipient,
        subject: row.subject,
        body: row.excerpt,
        priority: row.priority,
        message_id: row.message_id,
        sent_at: new Date(row.sent_at).toISOString(),
      })),
      200,
    )
  })
  return router
}
