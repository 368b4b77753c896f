/**
 * Accounts: making them, and recognising their owners.
 *
 * Whether an address has an account is nobody's business. Registering and asking for a reset do the same work, take
 * the same time and give the same answer either way; what differs is the e-mail that its owner gets.
 */
import type { Database, DatabaseTransaction } from '../database/database.ts'
import type { Outbox } from '../database/outbox.ts'
import { normalAddress } from '../email/address.ts'
import type { Passwords } from './passwords.ts'

interface Parts {
  readonly database: Database
  readonly outbox: Outbox
  readonly passwords: Passwords
  readonly id: () => string
  readonly now?: () => number
}

export interface NewAccount {
  readonly email: string
  readonly password: string
  readonly name?: string | undefined
}

export class Accounts {
  readonly #parts: Parts
  readonly #now: () => number

  constructor(parts: Parts) {
    this.#parts = parts
    this.#now = parts.now ?? Date.now
  }

  /** Makes an account, unless the address has one. In both cases its owner is told by e-mail. */
  async register(account: NewAccount): Promise<void> {
    const { database, outbox, passwords, id } = this.#parts
    const email = normalAddress(account.email)
    const hash = await passwords.hash(account.password)
    const jobId = id()

    await database.transaction().execute(async (tx) => {
      const added = await this.#add(tx, email, hash, account.name)
      const name = account.name ?? email.slice(0, email.lastIndexOf('@'))
      const task = added ? 'email.welcome' : 'email.already-registered'
      await outbox.put(tx, { id: jobId, task, input: { to: email, name }, options: { priority: 'high' } })
    })
    await outbox.deliver(jobId)
  }

  /** The account's id, if address and password belong together. Takes as long if there is no such account. */
  async recognise(email: string, password: string): Promise<number | undefined> {
    const { database, passwords } = this.#parts
    const user = await database
      .selectFrom('users')
      .select(['id', 'password_hash', 'active'])
      .where('email', '=', normalAddress(email))
      .executeTakeFirst()
    const right = await passwords.verify(user?.password_hash, password)
    if (!user || !right || user.active !== 1) return undefined

    if (passwords.isOutdated(user.password_hash)) await this.#rehash(user.id, password)
    return user.id
  }

  /** Asks for a reset link, sent by e-mail if the address has an account: the worker finds out. */
  async forgot(email: string): Promise<void> {
    const { database, outbox, id } = this.#parts
    const jobId = id()

    await database.transaction().execute((tx) =>
      outbox.put(tx, {
        id: jobId,
        task: 'email.password-reset',
        input: { email: normalAddress(email) },
        options: { priority: 'urgent' },
      }),
    )
    await outbox.deliver(jobId)
  }

  async #add(tx: DatabaseTransaction, email: string, hash: string, name: string | undefined): Promise<boolean> {
    const { numInsertedOrUpdatedRows } = await tx
      .insertInto('users')
      .values({ email, name: name ?? null, password_hash: hash, created_at: this.#now() })
      .onConflict((conflict) => conflict.column('email').doNothing())
      .executeTakeFirstOrThrow()

    return (numInsertedOrUpdatedRows ?? 0n) > 0n
  }

  async #rehash(userId: number, password: string): Promise<void> {
    const hash = await this.#parts.passwords.hash(password)
    await this.#parts.database.updateTable('users').set({ password_hash: hash }).where('id', '=', userId).execute()
  }
}
