/**
 * The development mailbox as a page and as JSON. It needs no token, so that it can be read before there is one;
 * therefore it answers only on this machine, and only while no real mail server is set.
 */
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { accepts } from 'hono/accepts'
import { html } from 'hono/html'
import { page } from '../../http/page.ts'
import { Problem } from '../../http/problem.ts'
import { jsonAnswer, makeRouter, problems, type Router } from '../../http/router.ts'
import { isLoopback } from '../../settings.ts'
import type { Mailbox, ReceivedMessage } from './mailbox.ts'

const mail = z
  .object({
    id: z.string(),
    received_at: z.iso.datetime(),
    from: z.string(),
    to: z.array(z.string()),
    subject: z.string(),
    text: z.string(),
    message_id: z.string().nullable(),
  })
  .openapi('Mail')

/** Written down for the OpenAPI page only. */
const common = {
  method: 'get' as const,
  tags: ['mailbox'],
  description: 'Only on this machine, and only while no mail server is set.',
}
const request = { query: z.object({ to: z.string().optional() }) }
const described = {
  page: createRoute({
    ...common,
    path: '/mailbox',
    operationId: 'showMailbox',
    summary: 'See the e-mails as a page, or as JSON for who accepts that',
    request,
    responses: {
      200: {
        description: 'The e-mails, newest first',
        content: { 'text/html': { schema: z.string() }, 'application/json': { schema: z.array(mail) } },
      },
      ...problems(404),
    },
  }),
  list: createRoute({
    ...common,
    path: '/mailbox/messages',
    operationId: 'listMail',
    summary: 'List the e-mails in the mailbox',
    request,
    responses: { 200: jsonAnswer(z.array(mail), 'The e-mails, newest first'), ...problems(404) },
  }),
  read: createRoute({
    ...common,
    path: '/mailbox/messages/{id}',
    operationId: 'readMail',
    summary: 'Read one e-mail with its headers',
    request: { params: z.object({ id: z.string() }) },
    responses: {
      200: jsonAnswer(
        mail.extend({ headers: z.array(z.object({ name: z.string(), value: z.string() })) }),
        'The e-mail',
      ),
      ...problems(404),
    },
  }),
}

export interface MailboxParts {
  /** Left out while a mail server is set, or when the service is reachable from outside. */
  readonly mailbox: Mailbox | undefined
  readonly addressOf: (c: Context) => string
}

export function mailboxRoutes({ mailbox, addressOf }: MailboxParts): Router {
  const router = makeRouter()
  const open = (c: Context): Mailbox => {
    if (!mailbox || !isLocal(addressOf(c)) || !isOwnName(c)) throw new Problem('not-found', 'There is no mailbox here.')

    return mailbox
  }

  const asked = async (c: Context) => {
    const messages = await open(c).messages()
    const to = c.req.query('to')?.toLowerCase()

    return to === undefined
      ? messages
      : messages.filter((each) => each.to.some((address) => address.toLowerCase() === to))
  }
  for (const route of Object.values(described)) router.openAPIRegistry.registerPath(route)

  router.get('/mailbox', async (c) => {
    const messages = await asked(c)
    c.header('Vary', 'Accept')

    return wantsJson(c) ? c.json(messages.map(summary)) : mailboxPage(c, messages)
  })
  router.get('/mailbox/messages', async (c) => c.json((await asked(c)).map(summary)))
  router.get('/mailbox/messages/:id', async (c) => {
    const message = (await open(c).messages()).find(({ id }) => id === c.req.param('id'))
    if (!message) throw new Problem('not-found', 'There is no such message.')

    return c.json({ ...summary(message), headers: message.headers })
  })
  return router
}

const wantsJson = (c: Context) =>
  accepts(c, { header: 'Accept', supports: ['text/html', 'application/json'], default: 'text/html' }) ===
  'application/json'

const isLocal = (address: string) => isLoopback(address.replace(/^::ffff:/, ''))

/** A page elsewhere can give its own name our address (DNS rebinding); its requests then come with that name. */
function isOwnName(c: Context): boolean {
  const { hostname } = new URL(c.req.url)

  return isLoopback(hostname.replace(/^\[|\]$/g, ''))
}

function summary({ id, receivedAt, from, to, subject, text, messageId }: ReceivedMessage) {
  return { id, received_at: receivedAt.toISOString(), from, to, subject, text, message_id: messageId ?? null }
}

function mailboxPage(c: Context, messages: readonly ReceivedMessage[]) {
  const intro = html`<p class="quiet">
    No mail server is set, so every e-mail of this service arrives here. Set SMTP_SERVER to send them for real.
  </p>`
  if (messages.length === 0)
    return page(
      c,
      'Mailbox',
      html`${intro}
        <p>Nothing has arrived yet.</p>`,
    )

  return page(
    c,
    'Mailbox',
    html`${intro}
      <ul class="messages">
        ${messages.map(messageItem)}
      </ul>`,
  )
}

function messageItem({ receivedAt, from, to, subject, text }: ReceivedMessage) {
  return html`<li class="message">
    <h2>${subject || '(no subject)'}</h2>
    <p class="quiet">
      To ${to.join(', ')}, from ${from}, <time datetime="${receivedAt.toISOString()}">${receivedAt.toUTCString()}</time>
    </p>
    <details>
      <summary>Text</summary>
      <pre>${text}</pre>
    </details>
  </li>`
}
