/** Opens the connection of a store: with the server's settings read, and refused where jobs would not be safe. */
import { createHash } from 'node:crypto'
import { sleep, systemEnv, type Env } from '../../../env.ts'
import {
  ErrandError,
  StoreBusyError,
  StoreClosedError,
  StoreFullError,
  StoreRefusedError,
  StoreTooNewError,
  UnknownOutcomeError,
} from '../../../errors.ts'
import type { Capabilities, Inspection } from '../../store.ts'
import type { Argument, CallOptions, Listener, RedisConnection, Script } from './connection.ts'
import { Dialer } from './dial.ts'
import { Lines, type Line } from './lines.ts'
import { Link } from './link.ts'
import { resolveOptions, type RedisOptions, type ResolvedRedisOptions } from './options.ts'
import { placeName } from './place.ts'
import { adviceOn, layoutsIn, refusalOf } from './refusals.ts'
import { readFacts, wantedConfig, type ServerFacts } from './server.ts'
import { NoAnswerError, NotSentError, type Session } from './session.ts'
import { Subscriptions } from './subscriptions.ts'
import { targetAt, targetOf, type Target } from './target.ts'
import { durabilityOf, inspections, isOlder, refuseEvicting, refuseUnsafe } from './verdicts.ts'

const longestPauseMs = 250

/**
 * @param env the network's clock: a real one also where the store's time stands still
 * @throws StoreOpenError, StoreAwayError, StoreRefusedError, StoreUnsafeError, and the errors of options
 */
export async function openConnection(options: RedisOptions, env: Env = systemEnv()): Promise<Connection> {
  const resolved = resolveOptions(options)
  const target = await ('kind' in resolved.from ? targetAt(resolved.from) : targetOf(resolved.from))
  const connection = new Connection(target, resolved, env)
  try {
    await connection.check()
    return connection
  } catch (error) {
    await connection.close()
    throw error
  }
}

export class Connection implements RedisConnection {
  readonly where: string
  readonly prefix: string
  readonly #env: Env
  readonly #options: ResolvedRedisOptions
  readonly #inCluster: boolean
  readonly #dialer: Dialer
  readonly #subscriptions: Subscriptions
  readonly #lines: Lines
  readonly #plain = new Map<Script, Pick<Script, 'source' | 'sha1'>>()
  readonly #waitingForQuiet = new Set<() => void>()
  #facts: ServerFacts | undefined
  #underWay = 0
  #closed = false

  constructor(target: Target, options: ResolvedRedisOptions, env: Env) {
    this.where = placeName(target.place)
    this.prefix = options.prefix
    this.#env = env
    this.#options = options
    this.#inCluster = target.place.kind === 'cluster'
    this.#dialer = new Dialer({ target, env, key: this.#key('place'), connectMs: options.connectMs })
    this.#subscriptions = new Subscriptions({ env, ...options })
    this.#lines = new Lines(options.connections, (line) => this.#link(line))
  }

  get durability(): Capabilities['durability'] {
    return durabilityOf(this.#known, this.#options.replicas)
  }

  /** Reads the server's settings, and refuses what would lose jobs. */
  async check(): Promise<void> {
    this.#facts = await this.#readFacts()
    refuseUnsafe(this.where, this.#facts, this.#options.force)
  }

  async inspect(): Promise<Inspection[]> {
    return inspections(this.where, (this.#facts = await this.#readFacts()), this.#options.replicas)
  }

  async call(script: Script, key: string, args: readonly Argument[], options: CallOptions = {}): Promise<unknown> {
    const keys = this.#keysWith(key)
    const rest = [keys.length, ...keys, ...args]

    return this.#ask(`the call "${script.name}"`, options, (session) => this.#run(session, script, rest, options))
  }

  async command(name: string, ...args: readonly Argument[]): Promise<unknown> {
    return this.#ask(`the command "${name}"`, {}, (session) => session.send(name, args, this.#options.answerMs))
  }

  async subscribe(channels: readonly string[], listener: Listener): Promise<void> {
    return this.#subscriptions.subscribe(this.#lines.listen, channels, listener)
  }

  async unsubscribe(channels: readonly string[]): Promise<void> {
    return this.#subscriptions.unsubscribe(this.#lines.listen, channels)
  }

  onReconnect(callback: () => void): () => void {
    return this.#subscriptions.onReconnect(callback)
  }

  async quiet(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#waitingForQuiet.add(resolve))
    await this.#subscriptions.quiet(this.#lines.listen)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#subscriptions.close()
    for (const link of this.#lines.all) link.close()
  }

  get #known(): ServerFacts {
    if (!this.#facts) throw new StoreClosedError()
    return this.#facts
  }

  #link(line: Line): Link {
    return new Link({
      env: this.#env,
      where: this.where,
      open: () => this.#open(line),
      reopened: () => {
        if (line === 'listen') this.#subscriptions.tellReopened()
      },
    })
  }

  async #open(line: Line): Promise<Session> {
    const session = await this.#dialer.open(`errand:${this.prefix}:${line}`)
    try {
      // Settings change while a server runs, and another may have taken its place.
      if (!this.#options.force) refuseEvicting(this.where, session.maxmemoryPolicy)
      if (line === 'listen') await this.#subscriptions.begin(session)
      else await this.#mark(session)
    } catch (error) {
      session.end(error as Error)
      throw error
    }
    // The master is elsewhere now. Whoever still talks to the old one would talk to nobody.
    for (const { current } of this.#lines.all) {
      if (current && current.at !== session.at) current.end(new Error(`the master is now at ${session.at}`))
    }
    return session
  }

  /**
   * Replicas confirm all that came before the last write of a connection. An insert that is repeated on a new connection
   * writes nothing when it finds its jobs there, so that connection begins with a write of its own.
   */
  async #mark(session: Session): Promise<void> {
    if (this.#options.replicas === 0) return
    await session.send('set', [this.#key('mark'), '1'], this.#options.answerMs).catch((error: Error) => {
      if (refusalOf(error.message) !== 'full') throw error
    })
  }

  async #ask(what: string, options: CallOptions, send: (session: Session) => Promise<unknown>): Promise<unknown> {
    if (this.#closed) throw new StoreClosedError()
    const link = this.#lines.for(options.line ?? 'turn')
    this.#underWay++
    try {
      return await this.#askUntilTaken(link, what, options, send)
    } finally {
      if (--this.#underWay === 0) {
        for (const resolve of this.#waitingForQuiet) resolve()
        this.#waitingForQuiet.clear()
      }
    }
  }

  /** Asks again only where nothing has happened. */
  async #askUntilTaken(
    link: Link,
    what: string,
    options: CallOptions,
    send: (session: Session) => Promise<unknown>,
  ): Promise<unknown> {
    const { waitForServerMs } = this.#options
    let began = this.#env.monotonic()
    for (let tries = 0; ; tries++) {
      const waitedMs = this.#env.monotonic() - began
      const session = link.current ?? (await link.session(waitForServerMs - waitedMs))
      keepBond(session.life, what, options)
      const room = session.room()
      if (room) {
        await room
        // To wait for one's own calls is no absence of the server.
        began = this.#env.monotonic() - waitedMs
      }
      try {
        return await send(session)
      } catch (error) {
        this.#throwIfOver(error as Error, what, options)
        if (error instanceof NotSentError) continue
        if (refusalOf((error as Error).message) === 'moved') session.end(error as Error)
        const elapsedMs = this.#env.monotonic() - began
        if (elapsedMs > waitForServerMs) throw new StoreBusyError(elapsedMs, (error as Error).message, { cause: error })
        await sleep(this.#env, Math.min(longestPauseMs, 10 * 2 ** tries) * (0.5 + this.#env.random() / 2))
      }
    }
  }

  /** Returns only for what nothing has happened of, and which may be taken the next time. */
  #throwIfOver(error: Error, what: string, { ids = [], repeat }: CallOptions): void {
    if (error instanceof ErrandError) throw error
    if (error instanceof NotSentError) return
    if (error instanceof NoAnswerError) {
      if (repeat && !this.#closed) return
      throw new UnknownOutcomeError(what, ids, error)
    }
    const { message } = error
    const refusal = refusalOf(message)
    if (refusal === 'busy' || refusal === 'moved') return
    if (refusal === 'full') throw new StoreFullError(this.where)
    if (refusal === 'too new') throw tooNew(this.where, message)
    if (refusal === 'failed')
      throw new UnknownOutcomeError(`${what}, which stopped on its way (${message})`, ids, error)

    throw new StoreRefusedError(this.where, message, adviceOn(error), { cause: error })
  }

  async #run(session: Session, script: Script, rest: readonly Argument[], options: CallOptions): Promise<unknown> {
    const { source, sha1 } = this.#textOf(script)
    try {
      return await this.#send(session, 'evalsha', [sha1, ...rest], script, options)
    } catch (error) {
      if (refusalOf((error as Error).message) !== 'unloaded') throw error
      return this.#send(session, 'eval', [source, ...rest], script, options)
    }
  }

  async #send(session: Session, name: string, args: readonly Argument[], script: Script, options: CallOptions) {
    const { replicas, answerMs } = this.#options
    const answer = session.send(name, args, answerMs)
    if (!options.acknowledge || replicas === 0) return answer

    // Sent at once and not after the answer: nothing of another call can come between.
    const confirmed = session.send('wait', [replicas, Math.ceil(answerMs / 2)], answerMs * 2)
    const [answered, count] = await Promise.allSettled([answer, confirmed])
    if (answered.status === 'rejected') throw answered.reason
    if (count.status === 'fulfilled' && Number(count.value) >= replicas) return answered.value

    const had = count.status === 'fulfilled' ? String(count.value) : 'none'
    throw new UnknownOutcomeError(
      `the request that replicas confirm "${script.name}"`,
      options.ids ?? [],
      count.status === 'rejected' ? count.reason : undefined,
      `What the server took was confirmed in time by ${had} of ${replicas} replicas (see \`wait\`), so it may not survive the server.`,
    )
  }

  /** The first line of a script says to Redis 7 what it may do, and to older ones that it is no Lua. */
  #textOf(script: Script): Pick<Script, 'source' | 'sha1'> {
    if (!this.#facts || !isOlder(this.#facts.version, [7, 0, 0]) || !script.source.startsWith('#!')) return script
    const known = this.#plain.get(script)
    if (known) return known
    const source = script.source.slice(script.source.indexOf('\n'))
    const plain = { source, sha1: createHash('sha1').update(source).digest('hex') }
    this.#plain.set(script, plain)

    return plain
  }

  #key(name: string): string {
    return `{${this.prefix}}:${name}`
  }

  /**
   * While a cluster moves a slot to another node, a script that meets a key which is gone already would stop on its way. A
   * key that never exists, named together with one that does, has the server refuse the call before it begins.
   */
  #keysWith(key: string): string[] {
    return this.#inCluster ? [key, this.#key('never')] : [key]
  }

  async #readFacts(): Promise<ServerFacts> {
    const asked = wantedConfig.map(async (name) => [name, await this.#configured(name)] as const)
    const [info, ...settings] = await Promise.all([this.command('info'), ...asked])

    return readFacts(info as string, Object.fromEntries(settings))
  }

  /** Managed servers keep their settings to themselves. */
  async #configured(name: string): Promise<string | undefined> {
    try {
      return ((await this.command('config', 'get', name)) as string[])[1]
    } catch (error) {
      if (error instanceof StoreRefusedError) return undefined
      throw error
    }
  }
}

function tooNew(where: string, message: string): StoreTooNewError {
  const { found, known } = layoutsIn(message)

  return new StoreTooNewError(where, found, known)
}

/** @throws UnknownOutcomeError: what the calls before had told is not sure any more */
function keepBond(life: string, what: string, { bond, binds, ids = [] }: CallOptions): void {
  if (binds) binds.life = life
  if (bond?.life === undefined || bond.life === life) return
  throw new UnknownOutcomeError(`${what}, for the server was started anew or replaced`, ids, undefined)
}
