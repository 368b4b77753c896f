/** Connecting once: finds the master, signs in, and makes sure that it is one and ready. */
import type { Env } from '../../../env.ts'
import { locator, type Ask, type Locate } from './locate.ts'
import type { Host } from './place.ts'
import { DatabaseRefusedError } from './refusals.ts'
import { Session } from './session.ts'
import type { Target } from './target.ts'

/** What a client must not do for us, whatever its user set: reconnect, re-send, queue, or change keys and answers. */
const settings = {
  lazyConnect: true,
  retryStrategy: () => null,
  reconnectOnError: null,
  maxRetriesPerRequest: null,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  enableOfflineQueue: false,
  enableReadyCheck: false,
  enableAutoPipelining: false,
  commandTimeout: undefined,
  socketTimeout: undefined,
  blockingTimeout: undefined,
  keyPrefix: '',
  readOnly: false,
  monitor: false,
  stringNumbers: false,
  protocol: 2,
  replyMapping: 'legacy',
  scripts: undefined,
  himportFieldsets: undefined,
  disableClientInfo: true,
  // Its timer would keep the process alive for that long.
  disconnectTimeout: 0,
  keepAlive: 5000,
  noDelay: true,
} as const

export interface DialOptions {
  readonly target: Target
  readonly env: Env
  /** One of the store's keys. */
  readonly key: string
  /** How long one try may take, finding the master included. */
  readonly connectMs: number
}

export class Dialer {
  readonly #options: DialOptions
  readonly #locate: Locate

  constructor(options: DialOptions) {
    this.#options = options
    const ask: Ask = async (host, own, ...questions) => {
      const session = await this.#connect(host, own, 'errand:asking')
      try {
        return await Promise.all(questions.map(([command, ...args]) => session.send(command, args, options.connectMs)))
      } finally {
        session.end(new Error('the answers are there'))
      }
    }
    this.#locate = locator(options.target, ask, options.key)
  }

  /** @param name what the server calls the connection in its list of clients @throws why it could not */
  async open(name: string): Promise<Session> {
    const { target } = this.#options
    const session = await this.#connect(await this.#locate(), target.server, name)
    try {
      await this.#choose(session)
      await this.#greet(session)
      return session
    } catch (error) {
      session.end(error as Error)
      throw error
    }
  }

  async #connect({ host, port }: Host, own: Target['server'], connectionName: string): Promise<Session> {
    const { target, env, connectMs } = this.#options
    const place = host.startsWith('/') ? { path: host } : { host, port, path: undefined }
    const client = target.make({ ...own, ...settings, ...place, connectTimeout: connectMs, connectionName })

    return Session.open(client, `${host}:${port}`, env, connectMs)
  }

  /** The client itself goes on with database 0 where the server refuses it the one it should use. */
  async #choose(session: Session): Promise<void> {
    const { target, connectMs } = this.#options
    const { db } = target.place
    if (!db) return
    const [chosen, told] = await Promise.allSettled([
      session.send('select', [db], connectMs),
      session.send('config', ['get', 'databases'], connectMs),
    ])
    if (chosen.status === 'fulfilled') return
    const error = chosen.reason as Error
    if (!/DB index/.test(error.message)) throw error
    const databases = told.status === 'fulfilled' ? Number((told.value as string[])[1]) || undefined : undefined

    throw new DatabaseRefusedError(error.message, db, databases, { cause: error })
  }

  /** One that still loads its data takes nothing yet, and one that was the master may not know better. */
  async #greet(session: Session): Promise<void> {
    const { connectMs } = this.#options
    const [pinged, told, said, memory] = await Promise.allSettled([
      session.send('ping', [], connectMs),
      session.send('role', [], connectMs),
      session.send('info', ['server'], connectMs),
      session.send('info', ['memory'], connectMs),
    ])
    if (pinged.status === 'rejected') throw pinged.reason
    // Who may not ask for it takes each connection for one to another life.
    const life = said.status === 'fulfilled' && /^run_id:(\w+)/m.exec(String(said.value))
    if (life) session.life = life[1]!
    const policy = memory.status === 'fulfilled' && /^maxmemory_policy:(\S+)/m.exec(String(memory.value))
    if (policy) session.maxmemoryPolicy = policy[1]!
    // Who may not ask for it learns it at the first write.
    const role = told.status === 'fulfilled' ? (told.value as [string])[0] : 'master'

    if (role === 'slave') throw new Error('it is a replica, and jobs can only be written to its master')
    if (role === 'sentinel') throw new Error('it is a Sentinel: add "?sentinel=" and the name of the master to the URL')
  }
}
