/**
 * The Redis engine: jobs in hashes, lines in lists, every step one Lua script.
 *
 * docs/design/redis.md says how it is laid out and what a step costs. This file turns the contract's calls
 * into those of the scripts, and their answers back.
 */
import { systemEnv, type Env } from '../../env.ts'
import { StoreClosedError, UnknownOutcomeError } from '../../errors.ts'
import { checkChange, checkTurn } from '../checked-times.ts'
import type { MovingStore } from '../moving.ts'
import type * as contract from '../store.ts'
import { Caller, type Clock } from './caller.ts'
import type { RedisConnection } from './connection/connection.ts'
import { openConnection } from './connection/open-connection.ts'
import type { RedisOptions } from './connection/options.ts'
import { countsFrom, statsFrom } from './counts.ts'
import { Events } from './events.ts'
import { Inserter } from './inserter.ts'
import { Kinds, digestIn } from './kinds.ts'
import { listLimits } from './limits.ts'
import { Lives } from './lives.ts'
import { findPage } from './look.ts'
import { movingInspection, movingStore } from './moving.ts'
import { Post } from './post.ts'
import {
  claimFrom,
  letterOf,
  membersFrom,
  recordFrom,
  resultText,
  settledFrom,
  type Beside,
  type RawMembers,
  type Shown,
} from './record.ts'
import { scheduleStore } from './schedules.ts'
import { escape } from './text.ts'
import { turnArguments, turnResult, unknownKinds, type TurnAnswer } from './turn.ts'
import { upkeepArguments, upkeepResult, type UpkeepAnswer } from './upkeep.ts'

type Store = contract.Store

export interface RedisStoreOptions {
  /** Timers, chance and ids. @default the real world */
  env?: Env
  /** In place of the server's clock, for tests. */
  clock?: Clock
}

export class RedisStore implements Store {
  readonly engine = 'redis'
  readonly limits: contract.StoreLimits = {
    jobsPerCall: 200,
    bytesPerCall: 128 * 1024,
    idsPerCall: 200,
    turnsInFlight: 3,
  }
  readonly capabilities: contract.Capabilities
  readonly #env: Env
  readonly #caller: Caller
  readonly #kinds: Kinds
  readonly #inserter: Inserter
  readonly #post: Post
  readonly #events: Events
  readonly #lives = new Lives()

  /** @throws StoreOpenError, StoreAwayError, StoreUnsafeError, and others that say why it cannot be used */
  static async open({ env, clock, ...options }: RedisOptions & RedisStoreOptions): Promise<RedisStore> {
    return new RedisStore(await openConnection(options), { ...(env && { env }), ...(clock && { clock }) })
  }

  constructor(connection: RedisConnection, { env = systemEnv(), clock }: RedisStoreOptions = {}) {
    this.#env = env
    this.#caller = new Caller(connection, clock)
    this.capabilities = { durability: connection.durability, insertWith: false, shared: true }
    this.#kinds = new Kinds(this.#caller)
    this.#post = new Post(env, async () => connection)
    this.#inserter = new Inserter(this.#caller, this.#kinds, { limits: this.limits, post: this.#post })
    this.#events = new Events({
      env,
      post: this.#post,
      listen: async (ms) => {
        const [number, held] = await this.#caller.manage<[string, number]>('listen', this.#post.handle, ms)
        return { number: Number(number), held: held === 1 }
      },
      unlisten: () => this.#caller.manage('unlisten', this.#post.handle),
      snapshot: async (ids) => {
        const [number, shown] = await this.#caller.look<[string, Shown[]]>('snapshot', ...ids)
        return { number: Number(number), jobs: await this.#records(shown.filter(isThere)) }
      },
    })
    this.schedules = scheduleStore(this.#caller, this.#kinds)
    this.moving = movingStore({ caller: this.#caller, kinds: this.#kinds, env })
  }

  insert: Store['insert'] = (calls) => this.#step('insert', () => this.#inserter.insert(calls))

  join: Store['join'] = (worker) =>
    this.#step('turn', async () => {
      const [id, binds] = [this.#env.id(), {}]
      await this.#caller.call('join', [id, worker.leaseMs, JSON.stringify(worker)], { binds })
      this.#lives.joined(id, binds)
      return id
    })

  turn: Store['turn'] = (asked) => this.#step('turn', () => this.#turn(asked))

  async #turn(asked: contract.Turn): Promise<contract.TurnResult> {
    checkTurn(asked)
    const { incarnation } = asked
    const made = this.#kinds.withDigests(() => turnArguments(asked, this.#kinds))
    // It leaves before anything else runs, so that the server works while this process does.
    const wanted = made instanceof Promise ? await made : made
    const args = [incarnation, this.#lives.epochOf(incarnation), this.#env.id(), ...wanted]
    const ids = asked.settled.map(({ claim }) => claim.id)
    const answer = await this.#caller.call<TurnAnswer | ['gone'] | ['old'] | ['kinds']>('turn', args, {
      ids,
      bond: this.#lives.bondOf(incarnation),
    })
    if (answer[0] === 'gone') {
      this.#lives.gone(incarnation)
      return { gone: true }
    }
    if (answer[0] === 'old') throw new UnknownOutcomeError('a turn that a resync has overtaken', ids, undefined)
    if (answer[0] === 'kinds') {
      this.#kinds.forget()
      return this.#turn(asked)
    }
    this.#lives.turned(incarnation, answer[10])
    const unknown = unknownKinds(answer, this.#kinds)
    if (unknown.length > 0) await this.#kinds.read(unknown)
    return turnResult(asked, answer, this.#kinds)
  }

  resync: Store['resync'] = async (incarnation) => {
    type Held = [id: string, raw: string, claim: string, beside: Beside]
    const binds = {}
    const answer = await this.#caller.call<'gone' | [string, Held[], string[]]>('resync', [incarnation], {
      repeat: true,
      binds,
    })
    if (answer === 'gone') return 'gone'
    const [epoch, held, messages] = answer
    this.#lives.resynced(incarnation, epoch, binds)
    await this.#kinds.read(held.map(([, raw]) => digestIn(raw)))
    return {
      held: held.map(([id, raw, claim, beside]) => claimFrom(this.#kinds, id, Number(claim), raw, beside)),
      messages: messages.map((text) => JSON.parse(text) as contract.ControlMessage),
    }
  }

  leave: Store['leave'] = (incarnation) =>
    this.#step('turn', async () => {
      await this.#caller.call('leave', [incarnation], { repeat: true })
      this.#lives.gone(incarnation)
    })

  wait: Store['wait'] = async (incarnation, queues, ms, signal) => {
    this.#refuseIfClosed()
    const waiting = [incarnation, this.#post.handle, this.#lives.seenBy(incarnation), JSON.stringify(queues)]
    return this.#post.sleep({ incarnation, queues, ms, signal }, async () => {
      await this.#post.ready()
      const answer = await this.#caller.call<'control' | 'work' | 'parked'>('park', waiting, { repeat: true })
      return answer === 'parked' ? undefined : answer
    })
  }

  report: Store['report'] = (incarnation, reports) =>
    this.#step('report', () => this.#caller.call('report', [incarnation, ...reports.flatMap(reportArguments)]))

  settled: Store['settled'] = async (ids, ms, signal) => {
    this.#refuseIfClosed()
    let answers: Shown[] = []
    const look = async () => {
      await this.#post.ready()
      answers = await this.#caller.look<Shown[]>('settled', this.#post.handle, ...ids)
      return answers.some(isOver)
    }
    const heard = ms <= 0 ? await look() : await this.#post.someFinal(ids, ms, signal, look)
    this.#refuseIfClosed()
    if (heard && !answers.some(isOver)) answers = await this.#caller.look<Shown[]>('get', ...ids)
    const over = answers.filter(isOver)
    await this.#readKinds(over)
    return over.map((shown) => endFrom(this.#kinds, shown))
  }

  change: Store['change'] = async (ids, change) => {
    checkChange(ids, change)
    return this.#caller.call('change', [changeText(change), ...ids])
  }
  cancel: Store['cancel'] = (ids) => this.#caller.call('cancel', ids)
  retry: Store['retry'] = (ids) => this.#caller.call('retry', ids)
  remove: Store['remove'] = (ids) => this.#caller.call('remove', ids)
  release: Store['release'] = (held) => {
    const ids = held.map(({ id }) => id)
    const results = held.flatMap(({ id, result }) => [id, resultText(result)])
    return this.#caller.call('release', [this.#env.id(), ...results], { ids, acknowledge: true })
  }

  get: Store['get'] = async (ids) => {
    const shown = await this.#caller.look<Shown[]>('get', ...ids)
    await this.#readKinds(shown)
    return shown.map((each) => (isThere(each) ? recordFrom(this.#kinds, each) : each.length === 1 ? undefined : 'gone'))
  }

  history: Store['history'] = async (id) => {
    const found = await this.#caller.look<[string[], string[]] | null>('history', id)
    if (!found) return undefined
    const [attempts, log] = found.map((lines) => lines.map((line) => JSON.parse(line) as unknown))
    return { attempts, log } as contract.JobHistory
  }

  members: Store['members'] = async (id, cursor) => {
    const [members, rest] = await this.#caller.look<[RawMembers, string | number]>('members', id, cursor ?? '0')
    return { members: membersFrom(members), ...(rest !== '' && { cursor: String(rest) }) }
  }

  find: Store['find'] = (query, cursor) => findPage(this.#caller, this.#kinds, query, cursor)

  counts: Store['counts'] = async () => countsFrom(...(await this.#caller.look<[string[], string[]]>('counts')))

  stats: Store['stats'] = async ({ fromAt, toAt }) => {
    const minute = (at: number) => (Number.isFinite(at) ? Math.ceil(at / 60_000) : at < 0 ? '-inf' : '+inf')
    const to = minute(toAt)
    return statsFrom(await this.#caller.look('stats', minute(fromAt), typeof to === 'number' ? `(${to}` : to))
  }

  pause: Store['pause'] = async (queue, paused) => void (await this.#caller.manage('pause', queue, paused ? 1 : 0))

  limit: Store['limit'] = async (name, value) => {
    if (value === 'unpinned') await this.#caller.manage('unpin', name)
    else await this.#caller.manage('limit', name, value.slots ?? '', value.tokens ?? '', value.perMs ?? '')
  }

  listLimits: Store['listLimits'] = (query) => listLimits(this.#caller, query)

  upkeep: Store['upkeep'] = (limits) =>
    this.#step('upkeep', async () =>
      upkeepResult(await this.#caller.call<UpkeepAnswer>('upkeep', upkeepArguments(limits, this.#env.id()))),
    )

  now: Store['now'] = async () => Number(await this.#caller.look('now'))

  readonly schedules: contract.ScheduleStore
  readonly moving: MovingStore

  workers: Store['workers'] = async () => {
    const rows = await this.#caller.look<[string, string, string, number][]>('workers')
    return rows.map(([incarnation, text, left, running]) => {
      const space = text.indexOf(' ')
      const worker = JSON.parse(text.slice(space)) as contract.NewWorker
      return { ...worker, incarnation, startedAt: Number(text.slice(0, space)), leaseLeftMs: Number(left), running }
    })
  }

  send: Store['send'] = async (to, message) =>
    void (await this.#caller.manage('send', to, message.kind, JSON.stringify(message)))

  events: Store['events'] = (filter, signal) => {
    this.#refuseIfClosed()
    return this.#events.listen(filter, signal)
  }

  inspect: Store['inspect'] = async () => [
    ...(await this.#caller.connection.inspect()),
    ...(await movingInspection(this.#caller)),
  ]

  close: Store['close'] = async () => {
    if (this.#caller.closed) return
    this.#caller.close()
    this.#post.close()
    this.#events.close()
    await this.#caller.connection.close()
  }

  async #records(shown: readonly Shown[]): Promise<contract.JobRecord[]> {
    await this.#readKinds(shown)
    return shown.map((each) => recordFrom(this.#kinds, each))
  }

  async #readKinds(shown: readonly Shown[]): Promise<void> {
    await this.#kinds.read(shown.filter(isThere).map(([, raw]) => digestIn(raw!)))
  }

  #refuseIfClosed() {
    if (this.#caller.closed) throw new StoreClosedError()
  }

  /** A step that a process could die before or after, and never in the midst of. */
  async #step<T>(name: 'insert' | 'turn' | 'report' | 'upkeep', body: () => Promise<T>): Promise<T> {
    this.#env.point(`${name}.before-commit`)
    const answer = await body()
    this.#env.point(`${name}.after-commit`)
    return answer
  }
}

const isThere = (shown: Shown) => shown.length > 1 && shown[1] !== 'gone'

function isOver(shown: Shown): boolean {
  return !isThere(shown) || (shown.length === 2 && 'sfcx'.includes(letterOf(shown[1]!)))
}

function endFrom(kinds: Kinds, shown: Shown): contract.SettledJob {
  if (isThere(shown)) return settledFrom(kinds, shown)
  return { id: shown[0], state: shown.length === 1 ? 'unknown' : 'gone' }
}

function changeText({ rank, due, input, version }: contract.JobChange): string {
  return JSON.stringify({ rank, due, input: input === undefined ? undefined : escape(input), version })
}

function reportArguments(report: contract.Report): (string | number)[] {
  const { kind, claim } = report
  if (kind === 'step') return [kind, claim.id, claim.claim, report.name, report.result]
  const value = kind === 'progress' ? report.progress : report.line
  return [kind, claim.id, claim.claim, '', JSON.stringify(value)]
}
