/**
 * The memory engine: the plain specification of the store contract.
 *
 * Everything happens in the body of one synchronous step, so atomicity needs no care;
 * what the other engines do is measured against what this one does. Its jobs end with
 * the process.
 */
import { systemEnv, type Env } from '../../env.ts'
import { StoreClosedError } from '../../errors.ts'
import { checkCalls, checkChange, checkTicks } from '../checked-times.ts'
import type { MovingStore } from '../moving.ts'
import type * as contract from '../store.ts'
import { cancel, change, release, remove, retry } from './commands.ts'
import { emptyData, queueOf, type Data } from './data.ts'
import { claimedWithMembers, membersPage, spread } from './dependencies.ts'
import { listen } from './events.ts'
import { insertCall } from './insert.ts'
import { listLimits, setLimit } from './limits.ts'
import { hasArrivals, join, leave, send, workers } from './lives.ts'
import { movingInspection, movingStore } from './moving.ts'
import { counts, find, get, history, settledNow, stats } from './read.ts'
import { report } from './reports.ts'
import { dueSchedules, fire, getSchedules, listSchedules, pauseSchedule, putSchedule } from './schedules.ts'
import { turn } from './turn.ts'
import { upkeep } from './upkeep.ts'

type Store = contract.Store

export interface MemoryStoreOptions {
  /** Clock, timers, chance and ids. @default the real world */
  env?: Env
}

export class MemoryStore implements Store {
  readonly engine = 'memory'
  readonly limits: contract.StoreLimits = {
    jobsPerCall: 1_000,
    bytesPerCall: 1 << 20,
    idsPerCall: 1_000,
    turnsInFlight: 1,
  }
  readonly capabilities: contract.Capabilities = { durability: 'none', insertWith: false, shared: false }
  readonly #data: Data
  #closed = false

  constructor({ env = systemEnv() }: MemoryStoreOptions = {}) {
    this.#data = emptyData(env)
  }

  insert: Store['insert'] = async (calls) => {
    checkCalls(calls)
    return this.#step('insert', (data) => calls.map((jobs) => insertCall(data, jobs)))
  }

  join: Store['join'] = async (worker) => this.#step('turn', (data) => join(data, worker))

  turn: Store['turn'] = async (asked) => this.#step('turn', (data) => turn(data, asked))

  resync: Store['resync'] = async (incarnation) => {
    const life = this.#open.incarnations.get(incarnation)
    if (!life) return 'gone'
    return {
      held: [...life.held.values()].map(claimedWithMembers),
      messages: life.messages.map(({ message }) => message),
    }
  }

  leave: Store['leave'] = async (incarnation) => {
    this.#step('turn', (data) => {
      leave(data, incarnation)
      spread(data)
    })
  }

  wait: Store['wait'] = async (incarnation, queues, ms, signal) => {
    const data = this.#open
    const life = data.incarnations.get(incarnation)
    if (signal.aborted) return 'time'
    if (!life || life.cancels.length > 0 || life.messages.some(({ told }) => !told)) return 'control'
    if (hasArrivals(data, life, queues)) return 'work'
    return data.news.sleep(incarnation, queues, ms, signal)
  }

  report: Store['report'] = async (incarnation, reports) =>
    this.#step('report', (data) => reports.map((said) => report(data, incarnation, said)))

  settled: Store['settled'] = async (ids, ms, signal) => {
    const look = () => ids.flatMap((id) => settledNow(this.#open, id) ?? [])
    const now = look()
    if (now.length > 0) return now

    await this.#data.news.someFinal(ids, ms, signal)
    return look()
  }

  change: Store['change'] = async (ids, wanted) => {
    checkChange(ids, wanted)
    return this.#each(ids, (data, id) => change(data, id, wanted))
  }
  cancel: Store['cancel'] = async (ids) => this.#each(ids, cancel)
  retry: Store['retry'] = async (ids) => this.#each(ids, retry)
  remove: Store['remove'] = async (ids) => this.#each(ids, remove)
  release: Store['release'] = async (held) => this.#each(held, (data, { id, result }) => release(data, id, result))

  get: Store['get'] = async (ids) => this.#each(ids, get)
  history: Store['history'] = async (id) => history(this.#open, id)
  members: Store['members'] = async (id, cursor) => membersPage(this.#open, id, cursor)
  find: Store['find'] = async (query, cursor) => find(this.#open, query, cursor)
  counts: Store['counts'] = async () => counts(this.#open)
  stats: Store['stats'] = async (window) => stats(this.#open, window)

  pause: Store['pause'] = async (name, paused) => {
    const data = this.#open
    if (!paused && !data.queues.has(name)) return
    const queue = queueOf(data, name)
    if (queue.paused && !paused) queue.arrivals++
    queue.paused = paused
    if (!paused) data.news.work(name)
  }

  limit: Store['limit'] = async (name, value) => setLimit(this.#open, name, value)
  listLimits: Store['listLimits'] = async (query) => listLimits(this.#open, query)

  upkeep: Store['upkeep'] = async (limits) => this.#step('upkeep', (data) => upkeep(data, limits))

  now: Store['now'] = async () => this.#open.env.now()

  readonly schedules: contract.ScheduleStore = {
    put: async (schedules) => void this.#each(schedules, putSchedule),
    pause: async (name, paused) => pauseSchedule(this.#open, name, paused),
    remove: async (names) => this.#each(names, (data, name) => data.schedules.delete(name)).filter(Boolean).length,
    get: async (names) => getSchedules(this.#open, names),
    list: async () => ({ schedules: listSchedules(this.#open) }),
    due: async (limit) => dueSchedules(this.#open, limit),
    fire: async (ticks) => {
      checkTicks(ticks)
      return this.#step('insert', (data) => ticks.map((tick) => fire(data, tick)))
    },
  }

  readonly moving: MovingStore = movingStore((body) => body(this.#open))

  workers: Store['workers'] = async () => workers(this.#open)
  send: Store['send'] = async (to, message) => send(this.#open, to, message)
  events: Store['events'] = (filter, signal) => listen(() => this.#open, filter, signal)

  inspect: Store['inspect'] = async () => {
    const { jobs, moving } = this.#open
    return [
      ...movingInspection(moving),
      {
        subject: 'durability',
        verdict: 'warning',
        detail: `${jobs.size} jobs are kept in this process alone and end with it.`,
      },
    ]
  }

  close: Store['close'] = async () => {
    this.#closed = true
    this.#data.news.close()
  }

  get #open(): Data {
    if (this.#closed) throw new StoreClosedError()
    return this.#data
  }

  /** A step that a process could die before or after, and never in the midst of. */
  #step<T>(name: 'insert' | 'turn' | 'report' | 'upkeep', body: (data: Data) => T): T {
    const data = this.#open
    data.env.point(`${name}.before-commit`)
    const answer = body(data)
    data.env.point(`${name}.after-commit`)
    return answer
  }

  #each<T, R>(items: readonly T[], body: (data: Data, item: T) => R): R[] {
    const data = this.#open
    return items.map((item) => body(data, item))
  }
}
