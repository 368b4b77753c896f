/** Password resets: a token of 256 bits, good once and for an hour, kept as a hash, sent to the account's own address. */
import type { Database } from '../database/database.ts'
import type { Outbox } from '../database/outbox.ts'
import { resetToken, tokenHash } from './keys.ts'
import type { Passwords } from './passwords.ts'

export const resetMs = 60 * 60 * 1000

/**
 * Makes the token that a request for a reset leads to; undefined if the address has no account. The same request
 * gives the same token, so that a second attempt of its job repeats the first one's e-mail.
 */
export async function prepareReset(
  { database, key, now }: { database: Database; key: Uint8Array; now: () => number },
  request: { readonly id: string; readonly email: string },
): Promise<string | undefined> {
  const user = await database
    .selectFrom('users')
    .select('id')
    .where('email', '=', request.email)
    .where('active', '=', 1)
    .executeTakeFirst()
  if (!user) return undefined
  const token = resetToken(key, request.id)

  await database
    .insertInto('password_resets')
    .values({ hash: tokenHash(token), user_id: user.id, created_at: now(), expires_at: now() + resetMs, used_at: null })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  return token
}

interface Parts {
  readonly database: Database
  readonly outbox: Outbox
  readonly passwords: Passwords
  readonly id: () => string
  readonly now?: () => number
}

export class Resets {
  readonly #parts: Parts
  readonly #now: () => number

  constructor(parts: Parts) {
    this.#parts = parts
    this.#now = parts.now ?? Date.now
  }

  /** Sets a new password, ends every session of the account and tells its owner. False if the token is not good. */
  async use(token: string, password: string): Promise<boolean> {
    if (!(await this.#isGood(token))) return false
    // Hashed before the transaction, which holds the database for everybody.
    const hash = await this.#parts.passwords.hash(password)
    const jobId = this.#parts.id()
    const done = await this.#change(tokenHash(token), hash, jobId)
    if (done) await this.#parts.outbox.deliver(jobId)

    return done
  }

  async #isGood(token: string): Promise<boolean> {
    return (await this.#found(this.#parts.database, tokenHash(token))) !== undefined
  }

  #found(database: Pick<Database, 'selectFrom'>, hash: string) {
    return database
      .selectFrom('password_resets')
      .innerJoin('users', 'users.id', 'password_resets.user_id')
      .select(['users.id', 'users.email'])
      .where('password_resets.hash', '=', hash)
      .where('password_resets.used_at', 'is', null)
      .where('password_resets.expires_at', '>', this.#now())
      .where('users.active', '=', 1)
      .executeTakeFirst()
  }

  #change(tokenHashed: string, passwordHash: string, jobId: string): Promise<boolean> {
    const now = this.#now()

    return this.#parts.database.transaction().execute(async (tx) => {
      const user = await this.#found(tx, tokenHashed)
      if (!user) return false

      await tx.updateTable('users').set({ password_hash: passwordHash }).where('id', '=', user.id).execute()
      // The other links that were asked for must not work any more either.
      await tx
        .updateTable('password_resets')
        .set({ used_at: now })
        .where('user_id', '=', user.id)
        .where('used_at', 'is', null)
        .execute()
      await tx
        .updateTable('sessions')
        .set({ revoked_at: now })
        .where('user_id', '=', user.id)
        .where('revoked_at', 'is', null)
        .execute()
      const input = { to: user.email, type: 'security_alert', data: { message: 'your password was changed.' } }
      await this.#parts.outbox.put(tx, { id: jobId, task: 'email.notification', input, options: { priority: 'high' } })
      return true
    })
  }
}
