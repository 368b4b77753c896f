/**
 * Sessions: what a log-in begins. Access tokens name one and end with it; a refresh token renews it once.
 *
 * A refresh token that comes a second time has been copied, and nobody can tell by whom: the whole session ends.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import type { Database, DatabaseTransaction } from '../database/database.ts'
import type { Caller } from '../http/router.ts'
import type { AccessClaims } from './access-tokens.ts'
import { tokenHash } from './keys.ts'

export interface OpenSession {
  readonly userId: number
  readonly sessionId: string
  readonly refreshToken: string
}

/** A session lives for as long as it is used; it ends this long after it was last renewed. */
const sessionMs = 30 * 24 * 60 * 60 * 1000

export class Sessions {
  readonly #database: Database
  readonly #now: () => number

  constructor(database: Database, now: () => number = Date.now) {
    this.#database = database
    this.#now = now
  }

  open(userId: number): Promise<OpenSession> {
    return this.#database.transaction().execute(async (tx) => {
      const sessionId = randomUUID()
      await tx.deleteFrom('sessions').where('user_id', '=', userId).where('expires_at', '<', this.#now()).execute()
      await tx
        .insertInto('sessions')
        .values({
          id: sessionId,
          user_id: userId,
          created_at: this.#now(),
          expires_at: this.#now() + sessionMs,
          revoked_at: null,
        })
        .execute()

      return { userId, sessionId, refreshToken: await this.#addToken(tx, sessionId) }
    })
  }

  /** Trades a refresh token for the next one; undefined if it is not good, or no longer. */
  refresh(refreshToken: string): Promise<OpenSession | undefined> {
    return this.#database.transaction().execute(async (tx) => {
      const token = await tx
        .selectFrom('refresh_tokens')
        .innerJoin('sessions', 'sessions.id', 'refresh_tokens.session_id')
        .innerJoin('users', 'users.id', 'sessions.user_id')
        .select(['refresh_tokens.hash', 'refresh_tokens.used_at', 'sessions.id', 'sessions.user_id'])
        .where('refresh_tokens.hash', '=', tokenHash(refreshToken))
        .where('sessions.revoked_at', 'is', null)
        .where('sessions.expires_at', '>', this.#now())
        .where('users.active', '=', 1)
        .executeTakeFirst()
      if (!token) return undefined
      if (token.used_at !== null) {
        await tx.updateTable('sessions').set({ revoked_at: this.#now() }).where('id', '=', token.id).execute()
        return undefined
      }
      await tx.updateTable('refresh_tokens').set({ used_at: this.#now() }).where('hash', '=', token.hash).execute()
      await tx
        .updateTable('sessions')
        .set({ expires_at: this.#now() + sessionMs })
        .where('id', '=', token.id)
        .execute()

      return { userId: token.user_id, sessionId: token.id, refreshToken: await this.#addToken(tx, token.id) }
    })
  }

  /** Who the claims of an access token stand for, if the session goes on and the account is active. */
  async callerOf({ userId, sessionId }: AccessClaims): Promise<Caller | undefined> {
    const user = await this.#database
      .selectFrom('sessions')
      .innerJoin('users', 'users.id', 'sessions.user_id')
      .select(['users.id', 'users.email', 'users.name', 'users.created_at'])
      .where('sessions.id', '=', sessionId)
      .where('sessions.user_id', '=', userId)
      .where('sessions.revoked_at', 'is', null)
      .where('sessions.expires_at', '>', this.#now())
      .where('users.active', '=', 1)
      .executeTakeFirst()

    return user && { userId: user.id, email: user.email, name: user.name, createdAt: user.created_at, sessionId }
  }

  async end(sessionId: string): Promise<void> {
    await this.#database.updateTable('sessions').set({ revoked_at: this.#now() }).where('id', '=', sessionId).execute()
  }

  async #addToken(tx: DatabaseTransaction, sessionId: string): Promise<string> {
    const token = randomBytes(32).toString('base64url')
    await tx
      .insertInto('refresh_tokens')
      .values({ hash: tokenHash(token), session_id: sessionId, created_at: this.#now(), used_at: null })
      .execute()

    return token
  }
}
