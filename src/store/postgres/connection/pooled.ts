/**
 * Statements over a pool of connections, each with a way to end: an answer, a refusal, or the certainty that there is none.
 *
 * The server breaks off what takes too long, and then nothing has happened. A connection that says nothing even after
 * that is given up, because a socket that is silent once is silent until the system notices, minutes later.
 */
import { createHash } from 'node:crypto'
import { sleep, type Env } from '../../../env.ts'
import { StoreBusyError, StoreClosedError, UnknownOutcomeError } from '../../../errors.ts'
import type { Query, QueryOptions } from './connection.ts'
import {
  afterSending,
  isConflict,
  isFinalRefusal,
  isOfAnotherSession,
  saidByServer,
  whileConnecting,
} from './failures.ts'
import { Line } from './line.ts'
import type { ResolvedPostgresOptions } from './options.ts'
import type { Peer, PgPool, PgStatement, PooledClient } from './peer.ts'

/** How much longer than the server's own limit an answer may take. */
const graceMs = 3_000
const longestPauseMs = 1_000
/** Statements that the server undid because of others are done again this often. */
const conflictsMs = [2, 10, 50]

class SilenceError extends Error {}

export class Pooled {
  behindPooler: boolean
  readonly #env: Env
  readonly #options: ResolvedPostgresOptions
  readonly #peer: Peer
  readonly #pool: PgPool
  /** When each connection was last heard. */
  readonly #heard = new WeakMap<PooledClient, number>()
  readonly #greeted = new WeakSet<PooledClient>()
  /** What hands connections out by the transaction has each statement meet another session, and another's prepared ones there. */
  #prepares: boolean
  readonly #names = new Map<string, string>()
  /** One that was last heard before has perhaps fallen silent together with another. */
  #trustedFrom = -Infinity
  readonly #line: Line
  readonly #closing = new AbortController()
  /** Connections that are in use: closing waits for their answers. */
  readonly #busy = new Set<Promise<unknown>>()

  constructor(env: Env, options: ResolvedPostgresOptions, peer: Peer, pool: PgPool) {
    this.#env = env
    this.#options = options
    this.#peer = peer
    this.#pool = pool
    this.behindPooler = options.pooler
    this.#prepares = !options.pooler
    this.#line = new Line(env, mostOf(pool), options.waitForServerMs)
    pool.on('error', ignore)
    pool.on('acquire', this.#tame)
  }

  async query<Row>(text: string, values: readonly unknown[] = [], options: QueryOptions = {}): Promise<Row[]> {
    for (let tried = 0; ; tried++) {
      try {
        return await this.#withClient((client) => this.#run<Row>(client, text, values, options), options.silenceMs)
      } catch (error) {
        const pauseMs = conflictsMs[tried]
        if (pauseMs === undefined || !isConflict((error as Error).cause)) throw error
        await sleep(this.#env, pauseMs * (0.5 + this.#env.random()))
      }
    }
  }

  /** In a transaction settings hold for itself alone, also through a pooler. */
  transaction<T>(body: (query: Query) => Promise<T>): Promise<T> {
    return this.#withClient(async (client) => {
      const query: Query = (text, values = []) => this.#run(client, text, values, {}, Infinity)
      await query('begin')
      try {
        await query('set local statement_timeout = 0')
        const answer = await body(query)
        await query('commit')
        return answer
      } catch (error) {
        await query('rollback').catch(ignore)
        throw error
      }
    })
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort(new StoreClosedError())
    await Promise.allSettled(this.#busy)
    // Our own pool is listened to for ever: a server may end its connections while they are being closed.
    if (typeof this.#options.from === 'string') await this.#pool.end()
    else {
      this.#pool.off('error', ignore)
      this.#pool.off('acquire', this.#tame)
    }
  }

  #withClient<T>(body: (client: PooledClient) => Promise<T>, silenceMs?: number): Promise<T> {
    const use = async () => {
      const began = await this.#line.enter(silenceMs !== undefined)
      try {
        return await this.#useOne(body, began, silenceMs)
      } finally {
        this.#line.leave()
      }
    }
    const used = use()
    const settled: Promise<unknown> = used.then(ignore, ignore).then(() => this.#busy.delete(settled))
    this.#busy.add(settled)

    return used
  }

  async #useOne<T>(body: (client: PooledClient) => Promise<T>, began: number, silenceMs?: number): Promise<T> {
    const client = await this.#acquire(began, silenceMs)
    try {
      const answer = await body(client)
      client.release()
      return answer
    } catch (error) {
      client.release(error instanceof UnknownOutcomeError ? error : undefined)
      throw error
    }
  }

  /** @throws what `afterSending` makes of a failure */
  async #run<Row>(
    client: PooledClient,
    text: string,
    values: readonly unknown[],
    { name, ids = [], silenceMs = Infinity }: QueryOptions,
    limitMs: number = Math.min(silenceMs, this.#options.commandMs + graceMs),
  ): Promise<Row[]> {
    const { where } = this.#options
    const began = this.#env.monotonic()
    const statement: PgStatement = {
      text,
      types: this.#peer.types,
      ...(values.length > 0 && { values: [...values] }),
      ...(name !== undefined && this.#prepares && { name: this.#nameOf(name, text) }),
    }
    try {
      const { rows } = await this.#within(limitMs, client.query(statement), 'no answer')
      this.#line.answered()
      this.#heard.set(client, this.#env.monotonic())
      return rows as Row[]
    } catch (error) {
      if (saidByServer(error)) this.#line.answered()
      if (statement.name !== undefined && isOfAnotherSession(error)) {
        this.#prepares = false
        return this.#run(client, text, values, { ids, silenceMs }, limitMs)
      }
      if (error instanceof SilenceError) this.#trustedFrom = Math.max(this.#trustedFrom, began)
      throw afterSending(error, where, this.#env.monotonic() - began, ids)
    }
  }

  /** A connection, waited for as long as the options say. @throws what `whileConnecting` makes of a failure */
  async #acquire(began: number, silenceMs = Infinity): Promise<PooledClient> {
    const { waitForServerMs, where } = this.#options
    for (let failures = 0; ; failures++) {
      this.#closing.signal.throwIfAborted()
      try {
        return await this.#connect(Math.min(silenceMs, this.#options.connectMs))
      } catch (error) {
        const waitedMs = this.#env.monotonic() - began
        const isOver = isFinalRefusal(error) || waitedMs >= waitForServerMs
        if (isOver) {
          const failure = this.#isFull
            ? new StoreBusyError(waitedMs, 'all connections are in use', { cause: error })
            : whileConnecting(error, where, waitedMs)
          this.#line.giveUp(failure)
          throw failure
        }
        const pauseMs = Math.min(longestPauseMs, 25 * 2 ** failures, waitForServerMs - waitedMs)
        await sleep(this.#env, pauseMs * (0.5 + this.#env.random() / 2), this.#closing.signal)
      }
    }
  }

  get #isFull(): boolean {
    const { totalCount, idleCount } = this.#pool

    return idleCount === 0 && totalCount >= mostOf(this.#pool)
  }

  /** A server that is silent may be back a moment later, so whoever has little time asks it anew. */
  async #connect(limitMs: number): Promise<PooledClient> {
    const connecting = this.#pool.connect()
    const client = await this.#within(limitMs, connecting, 'no connection').catch((error: unknown) => {
      // One that comes after all goes back to the pool.
      connecting.then((late) => late.release(), ignore)
      throw error
    })
    if ((this.#heard.get(client) ?? Infinity) < this.#trustedFrom) {
      client.release(new Error('it may have fallen silent'))
      return this.#connect(limitMs)
    }
    if (!this.#greeted.has(client)) await this.#greet(client, limitMs)

    return client
  }

  /**
   * Sets the server's limit on a new connection of ours, unless it is lent: a pooler would lend it to others as well. Who lends gives
   * sessions names of its own. Not while connecting, since poolers refuse settings there.
   */
  async #greet(client: PooledClient, limitMs: number): Promise<void> {
    const { from, commandMs } = this.#options
    const { processID } = client
    if (!this.behindPooler && processID) {
      const limit = typeof from === 'string' ? commandMs : null
      const greeting = {
        text: `select pg_backend_pid() as pid, case when pg_backend_pid() = $1::int and $2::text is not null
          then set_config('statement_timeout', $2, false) end`,
        values: [processID, limit],
        types: this.#peer.types,
      }
      try {
        const { rows } = await this.#within(limitMs, client.query(greeting), 'no answer')
        this.behindPooler ||= (rows[0] as { pid: number }).pid !== processID
      } catch (error) {
        client.release(error as Error)
        throw error
      }
      if (this.behindPooler) this.#prepares = false
    }
    this.#greeted.add(client)
  }

  /** The text is part of it: stores in other schemas, and other versions, may use the same connections. */
  #nameOf(name: string, text: string): string {
    const known = this.#names.get(text)
    if (known !== undefined) return known
    const made = `${name}_${createHash('sha256').update(text).digest('hex').slice(0, 12)}`
    this.#names.set(text, made)

    return made
  }

  /**
   * A connection that breaks tells whoever uses it; told to nobody as well, it would end the process. It may break in the
   * very moment in which the pool hands it out, so it is tamed then.
   */
  readonly #tame = (client: PooledClient): void => {
    if (this.#heard.has(client)) return
    this.#heard.set(client, this.#env.monotonic())
    client.on('error', ignore)
  }

  async #within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
    if (ms === Infinity) return promise
    let tooLate!: (error: Error) => void
    const late = new Promise<never>((_, reject) => (tooLate = reject))
    const timer = this.#env.after(ms, () => tooLate(new SilenceError(`${what} within ${ms} ms`)), { hold: true })
    try {
      return await Promise.race([promise, late])
    } finally {
      timer.cancel()
    }
  }
}

const mostOf = ({ options }: PgPool): number => (options as { max?: number }).max ?? 10

const ignore = (): void => {}
