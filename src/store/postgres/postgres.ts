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
import { commandsOf } from './commands.ts'
import { resolveOptions, type PostgresOptions } from './connection/options.ts'
import { find } from './find.ts'
import { Incarnations } from './incarnations.ts'
import { inspect } from './inspect.ts'
import { Inserter } from './inserter.ts'
import { listLimits } from './limits.ts'
import { inspectListening } from './inspect-listening.ts'
import { Listening } from './listening.ts'
import { Floors } from './floors.ts'
import { Lives } from './lives.ts'
import { movingStore } from './moving.ts'
import { Names } from './names.ts'
import { News } from './news.ts'
import { Opening } from './opening.ts'
import { noteInsides } from './quiet.ts'
import { counts, get, history, members, now, stats, workers } from './read.ts'
import { report } from './reports.ts'
import { schedulesOf } from './schedules.ts'
import { Statements } from './statements.ts'
import { Transactions } from './transactions.ts'
import { Turns, type TurnParts } from './turn.ts'
import { upkeep } from './upkeep.ts'
import { Waking } from './waking.ts'

type Store = contract.Store
type Commands = ReturnType<typeof commandsOf>

export interface PostgresStoreOptions extends PostgresOptions {
  /** Timers, chance and ids. @default the real world */
  env?: Env
  /** The store's clocks, in place of the server's own: for tests. */
  clock?: () => { readonly now: number; readonly monotonic: number }
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
  readonly #parts: TurnParts
  readonly #opening: Opening
  readonly #statements: Statements
  readonly #news: News
  readonly #incarnations: Incarnations
  readonly #inserter: Inserter
  readonly #turns: Turns
  readonly #transactions: Transactions
  readonly #listening: Listening
  readonly #commands: Commands

  constructor({ env = systemEnv(), clock: given, ...options }: PostgresStoreOptions) {
    const clock: Clock = given ?? serversClock
    const { where, schema } = resolveOptions(options)
    const lives = new Lives()
    const news = new News(env, (worker) => lives.upkeepDue(worker))
    const opening = new Opening(options, schema, { news, opened: (connection) => this.#transactions.open(connection) })
    const statements = new Statements(opening.connected, schema)
    const names = new Names(statements)
    const waking = new Waking({ statements, names, news })
    const parts = { env, clock, statements, names, lives, floors: new Floors(env), waking, arrived: waking.wake }
    this.#env = env
    this.#clock = clock
    this.#parts = parts
    this.#opening = opening
    this.#statements = statements
    this.#news = news
    this.#incarnations = new Incarnations({ ...parts, news, hearing: opening.hearingSoon })
    this.#inserter = new Inserter(parts)
    this.#turns = new Turns(parts)
    this.#transactions = new Transactions({ ...parts, where, schema })
    this.#listening = new Listening(env, statements, news, opening)
    this.#commands = commandsOf(parts, this.#moved)
    this.schedules = schedulesOf(parts)
    this.moving = movingStore({ ...parts, arrived: (queues) => this.#cameBack(queues) })
    noteInsides(this, { statements, waking, news, hearing: () => opening.heard, schema })
  }

  get capabilities(): contract.Capabilities {
    return { durability: this.#opening.durability, insertWith: true, shared: true }
  }

  insert: Store['insert'] = async (calls) => {
    this.#check()
    this.#env.point('insert.before-commit')
    const answer = await this.#inserter.insert(calls)
    this.#env.point('insert.after-commit')
    return answer
  }

  join: Store['join'] = async (worker) => this.#incarnations.join(worker)

  turn: Store['turn'] = async (turn) => {
    this.#check()
    this.#env.point('turn.before-commit')
    const answer = await this.#turns.take(turn)
    this.#env.point('turn.after-commit')
    if (answer.gone) this.#parts.lives.forget(turn.incarnation)
    return answer
  }

  resync: Store['resync'] = async (incarnation) => this.#incarnations.resync(incarnation)

  leave: Store['leave'] = async (incarnation) => {
    this.#moved()
    return this.#incarnations.leave(incarnation)
  }

  wait: Store['wait'] = async (incarnation, queues, ms, signal) => {
    this.#check()
    return this.#incarnations.wait(incarnation, queues, ms, signal)
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

  change: Store['change'] = async (ids, changes) => this.#commands.change(ids, changes)
  cancel: Store['cancel'] = async (ids) => this.#commands.cancel(ids)
  retry: Store['retry'] = async (ids) => this.#commands.retry(ids)
  remove: Store['remove'] = async (ids) => this.#commands.remove(ids)
  release: Store['release'] = async (held) => this.#commands.release(held)
  pause: Store['pause'] = async (queue, paused) => this.#commands.pause(queue, paused)
  limit: Store['limit'] = async (name, limits) => this.#commands.limit(name, limits)
  listLimits: Store['listLimits'] = async (query) => listLimits(this.#parts, query)

  get: Store['get'] = async (ids) => get(this.#statements, ids)
  history: Store['history'] = async (id) => history(this.#statements, id)
  members: Store['members'] = async (id, cursor) => members(this.#statements, id, cursor)
  counts: Store['counts'] = async () => counts(this.#statements)
  stats: Store['stats'] = async (window) => stats(this.#statements, window)
  find: Store['find'] = async (query, cursor) => find(this.#statements, query, cursor)

  upkeep: Store['upkeep'] = async (limits) => {
    this.#env.point('upkeep.before-commit')
    const { arrivals, ...done } = await upkeep(this.#parts, limits)
    this.#env.point('upkeep.after-commit')
    if (done.rescued > 0) this.#moved()
    this.#parts.waking.wake(arrivals)
    return done
  }

  now: Store['now'] = async () => now(this.#statements, this.#clock)
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

  inspect: Store['inspect'] = async () => [
    ...(await inspect(this.#statements)),
    await inspectListening(this.#statements, this.#news, this.#opening),
  ]

  close: Store['close'] = async () => {
    if (this.#statements.closed) return
    this.#statements.closed = true
    this.#news.close()
    await this.#statements.idle()
    await this.#opening.close()
  }

  #check(): void {
    if (this.#statements.closed) throw new StoreClosedError()
  }

  /** A job may have come to stand before the place where claims go on. */
  readonly #moved = (): void => this.#parts.floors.again()

  #cameBack(queues: readonly number[]): void {
    this.#moved()
    this.#parts.waking.wake(queues)
  }
}
