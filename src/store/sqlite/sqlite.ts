/**
 * The SQLite engine: one file, shared by as many processes of one machine as like.
 *
 * A job is written once and only its place moves; every method is one short IMMEDIATE transaction on
 * the main thread, or one reading one. This file is the shell: what each step does is in the files
 * named for it.
 */
import { systemEnv, type Env } from '../../env.ts'
import { StoreClosedError, StoreFullError } from '../../errors.ts'
import type { MovingStore } from '../moving.ts'
import type * as contract from '../store.ts'
import { Ballast } from './ballast.ts'
import { cancel, change, release, remove, retry } from './commands.ts'
import { Checkpoints } from './checkpoints.ts'
import { Connection, type Synchronous } from './connection.ts'
import { Disk } from './disk.ts'
import { Events } from './events.ts'
import { fileSystemType, type FileSystemType } from './file-system.ts'
import { find } from './find.ts'
import { Inserter, bytesPerTransaction, jobsPerCall } from './inserter.ts'
import { listLimits, setLimit } from './limits.ts'
import { insertWith } from './insert-with.ts'
import { heldJobs } from './held-jobs.ts'
import { inspect } from './inspect.ts'
import { join, leave, lifeOf, messagesOf, send, workers } from './lives.ts'
import { Lookout } from './lookout.ts'
import { News } from './news.ts'
import { movingStore } from './moving.ts'
import { counts, get, history, members, settledNow, stats } from './read.ts'
import { report } from './reports.ts'
import { dueSchedules, fire, getSchedules, listSchedules, putSchedules, removeSchedules } from './schedules.ts'
import { settleWith } from './settle-with.ts'
import type { Step } from './step.ts'
import { spread, spreadPerStep } from './telling.ts'
import { tidy } from './tidy.ts'
import { idleTurn, turn, type Reading } from './turn.ts'
import { upkeep } from './upkeep.ts'
import { Writer, type StepName } from './writer.ts'

type Store = contract.Store

export interface SqliteStoreOptions {
  /** The file. Its folder is made when it is missing. */
  readonly path: string
  /** Clocks, timers, chance and ids. @default the real world */
  readonly env?: Env
  /**
   * `full`: an acknowledged job survives a power cut. `normal`: it survives the end of the process, and a
   * power cut may take the last moments; faster only for lone enqueues. @default 'full'
   */
  readonly synchronous?: Synchronous
  /** Opens a file on a network file system all the same. @default false */
  readonly allowNetworkFileSystem?: boolean
  /** Bytes set aside to end running jobs when the disk is full; 0 for none. @default follows the size of the WAL, 1 to 32 MiB */
  readonly ballastBytes?: number
  /** What kind of file system a folder is on. @default asks the system */
  readonly fileSystemType?: FileSystemType
}

export class SqliteStore implements Store {
  readonly engine = 'sqlite'
  readonly limits: contract.StoreLimits = {
    jobsPerCall,
    bytesPerCall: bytesPerTransaction,
    idsPerCall: 500,
    turnsInFlight: 1,
  }
  readonly capabilities: contract.Capabilities
  readonly #options: Required<Omit<SqliteStoreOptions, 'ballastBytes'>> & Pick<SqliteStoreOptions, 'ballastBytes'>
  #opened: Opened | undefined
  #closed = false

  constructor(options: SqliteStoreOptions) {
    const defaults = { env: systemEnv(), synchronous: 'full', allowNetworkFileSystem: false, fileSystemType } as const
    this.#options = { ...defaults, ...options }
    const durability = this.#options.synchronous === 'full' ? 'power' : 'process'
    this.capabilities = { durability, insertWith: true, shared: true }
  }

  insert: Store['insert'] = async (calls) => this.#open.inserter.insert(calls)

  join: Store['join'] = async (worker) => this.#writeLightly('turn', (step) => join(step, worker))

  turn: Store['turn'] = async (asked) => {
    const { news } = this.#open
    const expectsWork = asked.room.some(({ queues }) => news.hasHeard(asked.incarnation, queues))
    const light = asked.settled.length === 0
    // What this process itself has brought need not be looked for before it is taken.
    const idle = light && !expectsWork ? this.#idleTurn(asked) : undefined
    const answer =
      idle ??
      (await this.#open.writer.write('turn', (step) => (news.noteTurn(asked.incarnation), turn(step, asked)), light))
    if (answer.gone) news.forget(asked.incarnation)
    return answer
  }

  /** The answer to a turn that has nothing to write. */
  #idleTurn(asked: contract.Turn): contract.TurnResult | undefined {
    return this.#read((reading) => {
      this.#open.news.noteTurn(asked.incarnation)
      return idleTurn(reading, asked)
    })
  }

  resync: Store['resync'] = async (incarnation) =>
    this.#read((reading) => {
      const life = lifeOf(reading, incarnation)
      return life ? { held: heldJobs(reading, life.n), messages: messagesOf(reading, life.n) } : 'gone'
    })

  leave: Store['leave'] = async (incarnation) => {
    await this.#writeLightly('turn', (step) => {
      leave(step, incarnation)
      spread(step, spreadPerStep)
    })
    this.#opened?.news.forget(incarnation)
  }

  wait: Store['wait'] = async (incarnation, queues, ms, signal) => {
    const { news, connection } = this.#open
    if (signal.aborted) return 'time'
    const found = this.#read((reading) => {
      const since = news.version()
      const life = lifeOf(reading, incarnation)
      if (!life || life.called) return 'control'
      return news.hasArrivals(incarnation, queues) ? 'work' : { n: life.n, since }
    })
    if (typeof found === 'string') return found
    // What comes next is most likely light, and then waits for nothing.
    connection.commitLightly(true)
    return news.sleep(found, queues, ms, signal)
  }

  report: Store['report'] = async (incarnation, reports) => {
    const light = reports.every(({ kind }) => kind !== 'step')
    return this.#open.writer.write('report', (step) => report(step, incarnation, reports), light)
  }

  settled: Store['settled'] = async (ids, ms, signal) => {
    const { connection, news } = this.#open
    const look = () =>
      this.#read((reading) => ({ since: news.version(), found: ids.flatMap((id) => settledNow(reading, id) ?? []) }))
    const now = look()
    if (now.found.length > 0) return now.found

    await news.someEnded(connection.seqsOf(ids), now.since, ms, signal)
    return look().found
  }

  change: Store['change'] = async (ids, wanted) => this.#each(ids, (step, id) => change(step, id, wanted))
  cancel: Store['cancel'] = async (ids) => this.#each(ids, cancel)
  retry: Store['retry'] = async (ids) => this.#each(ids, retry)
  remove: Store['remove'] = async (ids) => this.#each(ids, remove)
  release: Store['release'] = async (held) => this.#each(held, release)

  get: Store['get'] = async (ids) => this.#read((reading) => ids.map((id) => get(reading, id)))
  history: Store['history'] = async (id) => this.#read((reading) => history(reading, id))
  members: Store['members'] = async (id, cursor) => this.#read((reading) => members(reading, id, cursor))
  find: Store['find'] = async (query, cursor) =>
    this.#read((reading) => find(reading, this.#open.connection.db, query, cursor))
  counts: Store['counts'] = async () => this.#read(counts)
  stats: Store['stats'] = async (window) => this.#read((reading) => stats(reading, window))

  pause: Store['pause'] = async (name, paused) =>
    this.#write('report', (step) => {
      const queue = paused ? step.names.queue(name) : step.names.findQueue(name)
      if (queue === undefined) return
      const changed = Number((paused ? step.sql.pause : step.sql.resume).run(queue).changes) > 0
      if (changed && !paused) step.wokenQueues.add(queue)
    })

  limit: Store['limit'] = async (name, value) => this.#write('report', (step) => setLimit(step, name, value))
  listLimits: Store['listLimits'] = async (query) => this.#read((reading) => listLimits(reading, query))

  upkeep: Store['upkeep'] = async (limits) => {
    const result = await this.#writeLightly('upkeep', (step) => upkeep(step, limits))
    const { connection, checkpoints, ballast } = this.#open
    tidy(connection, checkpoints, ballast)
    return result
  }

  now: Store['now'] = async () => this.#read(({ now }) => now)
  readonly schedules: contract.ScheduleStore = {
    put: async (schedules) => this.#write('report', (step) => putSchedules(step, schedules)),
    pause: async (name, paused) =>
      this.#write('report', ({ sql }) => Number(sql.pauseSchedule.run(paused ? 1 : 0, name).changes) > 0),
    remove: async (names) => this.#write('report', (step) => removeSchedules(step, names)),
    get: async (names) => this.#read((reading) => getSchedules(reading, names)),
    list: async (cursor) => this.#read((reading) => listSchedules(reading, cursor)),
    due: async (limit) => this.#read((reading) => dueSchedules(reading, limit)),
    fire: async (ticks) =>
      this.#write('insert', (step) =>
        ticks.map((tick) => {
          const answer = fire(step, tick)
          spread(step, spreadPerStep)
          return answer
        }),
      ),
  }

  readonly moving: MovingStore = movingStore((name, body) => this.#write(name, body))

  workers: Store['workers'] = async () => this.#read((reading) => workers(reading, reading.monotonic))
  send: Store['send'] = async (to, message) => this.#write('report', (step) => send(step, to, message))

  events: Store['events'] = (filter, signal) => listen(() => this.#open.events, filter, signal)

  /** In the caller's own transaction, by node:sqlite or better-sqlite3; the jobs exist if and only if it is committed. */
  insertWith(transaction: unknown, calls: readonly (readonly contract.NewJob[])[]): contract.InsertOutcome[][] {
    const { connection, ballast } = this.#open
    if (ballast.given) throw new StoreFullError(connection.path)
    return insertWith(this.#options.env, connection.path, transaction, calls)
  }

  /** In the caller's own transaction; what was set aside for a full disk serves only transactions of ours. */
  settleWith(
    transaction: unknown,
    incarnation: contract.IncarnationId,
    settlement: contract.Settlement,
    reports: readonly contract.Report[] = [],
  ): contract.SettledWith {
    const { path } = this.#open.connection
    return settleWith(this.#options.env, path, transaction, { incarnation, settlement, reports })
  }

  inspect: Store['inspect'] = async () => {
    const { connection, ballast } = this.#open
    return inspect(connection, ballast, this.#options.synchronous, this.#options.fileSystemType)
  }

  close: Store['close'] = async () => {
    if (this.#closed) return
    await this.#opened?.inserter.idle()
    this.#closed = true
    this.#letGo()
  }

  /** Wakes all who wait; the next call opens the file anew unless the store is closed. */
  #letGo(): void {
    const opened = this.#opened
    this.#opened = undefined
    if (!opened) return

    opened.news.close()
    opened.events.close()
    opened.lookout.close()
    opened.checkpoints.run('truncate')
    opened.connection.close()
    opened.disk.close()
  }

  get #open(): Opened {
    if (this.#closed) throw new StoreClosedError()
    return (this.#opened ??= this.#openNow())
  }

  #openNow(): Opened {
    const { env } = this.#options
    const connection = new Connection(this.#options)
    const lookout = new Lookout(env, connection)
    const news = new News(env, connection, lookout)
    const ballast = new Ballast(env, connection.path, this.#options.ballastBytes)
    const checkpoints = new Checkpoints(env, connection, ballast)
    const writer = new Writer({
      env,
      connection,
      ballast,
      broken: () => this.#letGo(),
      listened: () => events.listened(),
      beforeCommit: (step) => events.write(step),
      committed: (step) => {
        events.tell(step)
        news.tell(step)
        checkpoints.afterCommit()
      },
    })
    const events = new Events(env, connection, lookout, (name, body) => writer.write(name, body))
    const disk = new Disk(connection.path)
    const inserter = new Inserter(
      env,
      (body) => writer.write('insert', body, true),
      () => this.#onDisk(disk, news.hasWokenWorker),
    )
    return { connection, lookout, news, events, writer, inserter, checkpoints, ballast, disk }
  }

  /**
   * A worker that was just woken here claims first, since beginning a sync takes about as long as that. What could not be
   * synced must not be synced again: nobody knows what has reached the disk.
   */
  async #onDisk(disk: Disk, hasWokenWorker: boolean): Promise<void> {
    const { env, synchronous } = this.#options
    if (synchronous === 'normal') return
    if (hasWokenWorker) await new Promise<void>((resolve) => env.soon(resolve))
    try {
      await disk.sync()
    } catch (error) {
      // Others that shared the sync come here too, when the file may be open anew already.
      if (this.#opened?.disk === disk) this.#letGo()
      throw error
    }
  }

  /** One transaction that only reads, so that all it reads is of one moment. */
  #read<T>(body: (reading: Reading) => T): T {
    const { sql, names } = this.#open.connection
    const { env } = this.#options
    sql.beginReading.run()
    try {
      return body({ sql, names, now: env.now(), monotonic: env.monotonic() })
    } finally {
      sql.commit.run()
    }
  }

  async #write<T>(name: StepName, body: (step: Step) => T): Promise<T> {
    return this.#open.writer.write(name, body)
  }

  /** For what a power cut may undo. */
  async #writeLightly<T>(name: StepName, body: (step: Step) => T): Promise<T> {
    return this.#open.writer.write(name, body, true)
  }

  async #each<T, R>(items: readonly T[], body: (step: Step, item: T) => R): Promise<R[]> {
    return this.#write('report', (step) => items.map((item) => body(step, item)))
  }
}

interface Opened {
  readonly connection: Connection
  readonly lookout: Lookout
  readonly news: News
  readonly events: Events
  readonly writer: Writer
  readonly inserter: Inserter
  readonly checkpoints: Checkpoints
  readonly ballast: Ballast
  readonly disk: Disk
}

/** Opens the store at the first `next`. */
async function* listen(events: () => Events, filter: contract.EventFilter, signal: AbortSignal) {
  yield* events().listen(filter, signal)
}
