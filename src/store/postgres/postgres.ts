/**
 * The PostgreSQL engine: a table for each state, and a function in the database for each call.
 *
 * What a call decides is decided in the SQL functions of migrations/, where every statement looks anew; here calls are
 * gathered, sent and read, and here is known who in this process waits to hear. docs/design/postgres.md explains.
 */
import { systemEnv, type Env } from '../../env.ts'
import { StoreClosedError } from '../../errors.ts'
import type { MovingStore } from '../moving.ts'
import type * as contract from '../store.ts'
import { serversClock, type Clock } from './clock.ts'
import { openConnection, type Connection } from './connection/connection.ts'
import { resolveOptions, type PostgresOptions } from './connection/options.ts'
import { recordOf, type ClaimedRow, type RecordRow } from './decode.ts'
import { atOf, inOf } from './encode.ts'
import { askDurability } from './durability.ts'
import { find } from './find.ts'
import { inspect } from './inspect.ts'
import { Inserter, queuesIn } from './inserter.ts'
import { Listening } from './listening.ts'
import { Lives, silenceMsOf } from './lives.ts'
import { inSchema, migrate } from './migrate.ts'
import { noteInsides } from './quiet.ts'
import { movingStore } from './moving.ts'
import { Names } from './names.ts'
import { News } from './news.ts'
import { counts, gone, history, members, stats, workers } from './read.ts'
import { report } from './reports.ts'
import { schedulesOf } from './schedules.ts'
import { Statements } from './statements.ts'
import { Transactions } from './transactions.ts'
import { sparesOf, Turns, type TurnParts } from './turn.ts'
import { upkeep } from './upkeep.ts'
import { Waking } from './waking.ts'

type Store = contract.Store

export interface PostgresStoreOptions extends PostgresOptions {
  /** Timers, chance and ids. @default the real world */
  env?: Env
  /** The store's clocks, in place of the server's own: for tests. */
  clock?: () => { readonly now: number; readonly monotonic: number }
}

interface Answers<Answer> {
  readonly answers: Answer[]
  readonly arrivals: string | null
}

export class PostgresStore implements Store {
  readonly engine = 'postgres'
  readonly limits: contract.StoreLimits = {
    jobsPerCall: 1_000,
    bytesPerCall: 1 << 20,
    idsPerCall: 1_000,
    turnsInFlight: 3,
  }
  readonly schedules: contract.ScheduleStore
  readonly moving: MovingStore

  readonly #env: Env
  readonly #clock: Clock
  readonly #schema: string
  readonly #connected: () => Promise<Connection>
  readonly #parts: TurnParts
  readonly #statements: Statements
  readonly #names: Names
  readonly #news: News
  readonly #lives = new Lives()
  readonly #waking: Waking
  readonly #inserter: Inserter
  readonly #turns: Turns
  readonly #transactions: Transactions
  readonly #listening: Listening
  /** Until the server was asked, the least of what it may be. */
  #durability: contract.Capabilities['durability'] = 'process'
  #connection: Promise<Connection> | undefined
  #heard: Promise<void> | undefined

  constructor({ env = systemEnv(), clock: given, ...options }: PostgresStoreOptions) {
    const clock: Clock = given ?? serversClock
    this.#env = env
    this.#clock = clock
    this.#schema = resolveOptions(options).schema
    this.#connected = () => (this.#connection ??= this.#open(options))
    this.#statements = new Statements(this.#connected, this.#schema)
    this.#names = new Names(this.#statements)
    this.#news = new News(env)
    this.#waking = new Waking(this.#statements, (queue) => this.#news.arrived(this.#names.queue(queue) ?? ''))
    const parts = {
      env,
      clock,
      statements: this.#statements,
      names: this.#names,
      lives: this.#lives,
      arrived: this.#waking.wake,
    }
    this.#parts = parts
    this.#inserter = new Inserter(parts)
    this.#turns = new Turns(parts)
    const { where, schema } = resolveOptions(options)
    this.#transactions = new Transactions({ ...parts, where, schema })
    this.#listening = new Listening(env, this.#statements, this.#news, () => this.#hear())
    this.schedules = schedulesOf(parts)
    this.moving = movingStore({ ...parts, arrived: (queues) => this.#cameBack(queues) })
    noteInsides(this, {
      statements: this.#statements,
      waking: this.#waking,
      news: this.#news,
      hearing: () => this.#heard,
      schema: this.#schema,
    })
  }

  get capabilities(): contract.Capabilities {
    return { durability: this.#durability, insertWith: true, shared: true }
  }

  insert: Store['insert'] = async (calls) => {
    this.#check()
    this.#env.point('insert.before-commit')
    const answer = await this.#inserter.insert(calls)
    this.#env.point('insert.after-commit')
    return answer
  }

  join: Store['join'] = async (worker) => {
    const id = this.#env.id()
    const { now, monotonic } = this.#clock()
    const values = [id, now, monotonic, JSON.stringify(worker), worker.queues, Math.round(worker.leaseMs)]
    const { no, mark } = await this.#statements.one<{ no: number; mark: string }>(
      'select errand.join($1, $2, $3, $4, $5, $6) as no, errand.mark_of_store() as mark',
      values,
    )
    this.#names.seen(mark)
    Object.assign(this.#lives.get(id), { no, epoch: 1, silenceMs: silenceMsOf(worker.leaseMs) })
    return id
  }

  turn: Store['turn'] = async (turn) => {
    this.#check()
    this.#env.point('turn.before-commit')
    const answer = await this.#turns.take(turn)
    this.#env.point('turn.after-commit')
    if (answer.gone) this.#lives.forget(turn.incarnation)
    return answer
  }

  resync: Store['resync'] = async (incarnation) => {
    const [head, ...rows] = await this.#statements.all<ClaimedRow>('select * from errand.resync($1)', [incarnation], {
      silenceMs: this.#lives.get(incarnation).silenceMs,
    })
    if (!head) return 'gone'
    const { epoch, no, mark, messages } = head.extra as unknown as {
      epoch: number
      no: number
      mark: string
      messages: contract.ControlMessage[] | null
    }
    Object.assign(this.#lives.get(incarnation), { epoch, no })
    this.#names.seen(mark)
    await this.#names.knowNumbers(
      rows.map(({ queue }) => queue),
      rows.map(({ task }) => task),
    )
    return { held: rows.map((row) => this.#turns.claimedOf(row)), messages: messages ?? [] }
  }

  leave: Store['leave'] = async (incarnation) => {
    this.#turns.hints.clear()
    const text = 'select errand.leave($1, $2) as arrivals'
    const { arrivals } = await this.#statements.one<Answers<never>>(text, [incarnation, this.#clock().now])
    this.#lives.forget(incarnation)
    this.#waking.wake(queuesIn(arrivals))
  }

  wait: Store['wait'] = async (incarnation, queues, ms, signal) => {
    this.#check()
    if (signal.aborted) return 'time'
    const no = await this.#numberOf(incarnation)
    if (no === undefined) return 'control'
    await this.#hear()
    return this.#news.sleep(no, queues, ms, signal, () => this.#fallAsleep(incarnation, queues))
  }

  report: Store['report'] = async (incarnation, reports) => {
    this.#env.point('report.before-commit')
    const answers = await report(this.#parts, incarnation, reports)
    this.#env.point('report.after-commit')
    return answers
  }

  settled: Store['settled'] = async (ids, ms, signal) => {
    this.#check()
    return this.#listening.settled(ids, ms, signal)
  }

  change: Store['change'] = async (ids, { rank, due, input, version }) =>
    this.#command('change', ids, [rank, atOf(due), inOf(due), input, version])

  cancel: Store['cancel'] = async (ids) => this.#command('cancel', ids)
  retry: Store['retry'] = async (ids) => this.#command('retry', ids)
  remove: Store['remove'] = async (ids) => this.#command('remove', ids)

  release: Store['release'] = async (held) =>
    this.#command(
      'release',
      held.map(({ id }) => id),
      [held.map(({ result }) => result), sparesOf(this.#env)],
    )

  get: Store['get'] = async (ids) => {
    const text = `select * from errand.records(array(select no from errand.body where id = any ($1)))`
    const rows = await this.#statements.all<RecordRow>(text, [ids])
    const found = new Map(rows.map((row) => [row.id, recordOf(row)]))
    const missing = ids.filter((id) => !found.has(id))
    const departed = missing.length > 0 ? await gone(this.#statements, missing) : new Set<string>()
    return ids.map((id) => found.get(id) ?? (departed.has(id) ? 'gone' : undefined))
  }

  history: Store['history'] = async (id) => history(this.#statements, id)
  members: Store['members'] = async (id, cursor) => members(this.#statements, id, cursor)
  counts: Store['counts'] = async () => counts(this.#statements)
  stats: Store['stats'] = async (window) => stats(this.#statements, window)
  find: Store['find'] = async (query, cursor) => find(this.#statements, query, cursor)

  pause: Store['pause'] = async (queue, paused) => {
    await this.#statements.all('select errand.pause($1, $2)', [queue, paused])
    if (paused) return
    const rows = await this.#statements.all<{ no: number }>('select no from errand.queue where name = $1', [queue])
    this.#waking.wake(rows.map(({ no }) => no))
  }

  limit: Store['limit'] = async (name, given) => {
    const { slots, tokens, perMs } = given === 'unpinned' ? {} : given
    const values = [name, slots, tokens, perMs].map((value) => value ?? null)
    const { arrivals } = await this.#statements.one<Answers<never>>(
      'select errand.set_limit($1, $2, $3, $4) as arrivals',
      values,
    )
    this.#waking.wake(queuesIn(arrivals))
  }

  /** Until this engine pins limits and forgets them. */
  listLimits: Store['listLimits'] = async () => {
    throw new Error('This engine does not list its limits yet.')
  }

  upkeep: Store['upkeep'] = async (limits) => {
    this.#env.point('upkeep.before-commit')
    const { arrivals, ...done } = await upkeep(this.#parts, limits)
    this.#env.point('upkeep.after-commit')
    if (done.rescued > 0) this.#turns.hints.clear()
    this.#waking.wake(arrivals)
    return done
  }

  workers: Store['workers'] = async () => workers(this.#statements, this.#clock)

  send: Store['send'] = async (to, message) => {
    await this.#statements.all('select errand.send($1, $2, $3)', [to, message.kind, JSON.stringify(message)])
  }

  events: Store['events'] = (filter, signal) => this.#listening.events(filter, signal)

  /** In the caller's own transaction: a client of `pg`, or a transaction of Kysely or Drizzle. */
  async insertWith(
    transaction: unknown,
    calls: readonly (readonly contract.NewJob[])[],
  ): Promise<contract.InsertOutcome[][]> {
    this.#check()
    return this.#transactions.insert(transaction, calls)
  }

  async settleWith(
    transaction: unknown,
    incarnation: contract.IncarnationId,
    settlement: contract.Settlement,
    reports: readonly contract.Report[] = [],
  ): Promise<contract.SettledWith> {
    this.#check()
    return this.#transactions.settle(transaction, { incarnation, settlement, reports })
  }

  inspect: Store['inspect'] = async () => inspect(this.#statements)

  close: Store['close'] = async () => {
    if (this.#statements.closed) return
    this.#statements.closed = true
    this.#news.close()
    await this.#statements.idle()
    const connection = await this.#connection?.catch(() => undefined)
    await connection?.close()
  }

  #check(): void {
    if (this.#statements.closed) throw new StoreClosedError()
  }

  async #open(options: PostgresOptions): Promise<Connection> {
    const connection = await openConnection(options)
    try {
      await migrate(connection, this.#schema)
      this.#durability = await askDurability(connection.query)
      await this.#transactions.open(connection)
    } catch (error) {
      await connection.close()
      this.#connection = undefined
      throw error
    }
    return connection
  }

  /** Resolves once notifications arrive. */
  #hear(): Promise<void> {
    this.#heard ??= this.#listen().catch((error: unknown) => {
      this.#heard = undefined
      throw error
    })
    return this.#heard
  }

  async #listen(): Promise<void> {
    const connection = await this.#connected()
    await connection.listen(inSchema('errand.news', this.#schema), (payload) => this.#news.hear(payload))
    connection.onReconnect(() => this.#news.missed())
    this.#news.listening = connection.listens
  }

  async #numberOf(incarnation: contract.IncarnationId): Promise<number | undefined> {
    const life = this.#lives.get(incarnation)
    if (life.no !== undefined) return life.no
    const rows = await this.#statements.all<{ no: number }>('select no from errand.worker where id = $1', [incarnation])
    return (life.no = rows[0]?.no)
  }

  async #fallAsleep(
    incarnation: contract.IncarnationId,
    queues: readonly string[],
  ): Promise<contract.WaitResult | undefined> {
    const text = 'select errand.fall_asleep($1, $2) as answer'
    type Asleep = { answer: 'work' | 'control' | 'again' | null }
    const { silenceMs } = this.#lives.get(incarnation)
    for (;;) {
      const { answer } = await this.#statements.one<Asleep>(text, [incarnation, queues], { silenceMs })
      if (answer !== 'again') return answer ?? undefined
    }
  }

  async #command<Answer>(name: string, ids: readonly string[], more: readonly unknown[] = []): Promise<Answer[]> {
    this.#turns.hints.clear()
    const values = name === 'release' ? [ids, ...more] : [ids, ...more.map((value) => value ?? null)]
    const places = values.map((_, at) => `$${at + 2}`).join(', ')
    const text = `select * from errand.${name}($1, ${places})`
    const { answers, arrivals } = await this.#statements.one<Answers<Answer>>(text, [this.#clock().now, ...values])
    this.#waking.wake(queuesIn(arrivals))
    return answers
  }

  /** Some may stand before the place where claims go on. */
  #cameBack(queues: readonly number[]): void {
    this.#turns.hints.clear()
    this.#waking.wake(queues)
  }
}
