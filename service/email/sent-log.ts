/** The log of what was sent: recipient, subject and the beginning of the text. Never anything that opens a door. */
import type { Database } from '../database/database.ts'
import { normalAddress } from './address.ts'
import { excerptOf, type EmailPriority, type Message } from './message.ts'

export interface SentEmail {
  /** The id of the job that sent it. */
  readonly id: string
  readonly message: Message
  readonly priority: EmailPriority
  readonly messageId: string
  /** Who asked for it; nobody for the service's own messages. */
  readonly userId: number | undefined
  /** The text carries a secret: nothing of it is kept. */
  readonly secret: boolean
}

export class SentLog {
  readonly #database: Database
  readonly #now: () => number

  constructor(database: Database, now: () => number = Date.now) {
    this.#database = database
    this.#now = now
  }

  async has(id: string): Promise<boolean> {
    return (
      (await this.#database.selectFrom('sent_emails').select('id').where('id', '=', id).executeTakeFirst()) !==
      undefined
    )
  }

  async add({ id, message, priority, messageId, userId, secret }: SentEmail): Promise<void> {
    await this.#database
      .insertInto('sent_emails')
      .values({
        id,
        user_id: userId ?? null,
        recipient: normalAddress(message.to),
        subject: message.subject,
        excerpt: secret ? null : excerptOf(message.body),
        priority,
        message_id: messageId,
        sent_at: this.#now(),
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }

  /** What one account has sent, newest first; to one recipient, if given. */
  list(userId: number, { recipient, limit }: { recipient?: string | undefined; limit: number }) {
    let query = this.#database.selectFrom('sent_emails').selectAll().where('user_id', '=', userId)
    if (recipient !== undefined) query = query.where('recipient', '=', recipient)

    return query.orderBy('sent_at', 'desc').orderBy('id', 'desc').limit(limit).execute()
  }
}
