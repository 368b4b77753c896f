/**
 * The development mailbox as a page and as JSON. It needs no token, so that it can be read before there is one;
 * therefore it answers only on this machine, and only while no real mail server is set.
 */
import type { Context } from 'hono'
import { html } from 'hono/html'
import { page } from '../../http/page.ts'
import { Problem } from '../../http/problem.ts'
import { makeRouter, type Router } from '../../http/router.ts'
import { isLoopback } from '../../settings.ts'
import type { Mailbox, ReceivedMessage } from './mailbox.ts'

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

  router.get('/mailbox', async (c) => mailboxPage(c, await open(c).messages()))
  router.get('/mailbox/messages', async (c) => {
    const messages = await open(c).messages()
    const to = c.req.query('to')?.toLowerCase()
    const asked =
      to === undefined ? messages : messages.filter((each) => each.to.some((address) => address.toLowerCase() === to))

    return c.json(asked.map(summary))
  })
  router.get('/mailbox/messages/:id', async (c) => {
    const message = (await open(c).messages()).find(({ id }) => id === c.req.param('id'))
    if (!message) throw new Problem('not-found', 'There is no such message.')

    return c.json({ ...summary(message), headers: message.headers })
  })
  return router
}

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
