/** Plays scripts on one store, and makes the answers comparable with those of another. */
import type {
  Claim,
  ClaimedJob,
  IncarnationId,
  JobEvent,
  JobRecord,
  Report,
  Store,
  UpkeepLimits,
  UpkeepResult,
  WorkerRecord,
} from '../../store/store.ts'
import { allSchedules } from '../../schedule/all.ts'
import type { ManualEnv } from '../manual-env.ts'
import { Leases } from './leases.ts'
import type { Command, Happening, Member, Pick } from './script.ts'

type Of<D, C = Command> = C extends { do: infer K } ? (D extends K ? C : never) : never
type Players<D extends Command['do']> = { [K in D]: (player: Player, command: Of<K>) => Promise<unknown> }

/** Ids that the stores took from their worlds. */
const madeIds = /0{8}-0{4}-7000-8000-\d{12}/g

/** Members that no script can call: a caller's transaction belongs to one kind of engine. */
export const unscripted: readonly ('insertWith' | 'settleWith')[] = ['insertWith', 'settleWith']

/** One way to call each member of the contract; a member without one does not compile. */
export const calls: Players<Exclude<Member, (typeof unscripted)[number]>> = {
  insert: async ({ store, know, claim }, { calls: [first, ...others], startedBy }) => {
    const starter = startedBy && claim(startedBy.worker, startedBy.claim)
    const calls = [starter ? first!.map((job) => ({ ...job, startedBy: starter })) : first!, ...others]
    const answer = await store.insert(calls)
    for (const job of calls.flat()) know(job.id)
    return answer
  },
  join: async (player, { slots, leaseMs }) => {
    const life = await player.store.join({
      name: 'w',
      host: 'h',
      pid: 1,
      queues: ['q0'],
      tasks: ['t0'],
      slots,
      leaseMs,
    })
    player.lives.push({ id: life, held: [] })
    player.leases.joined(life, leaseMs)
    return life
  },
  turn: async (player, { worker, settled, givenBack, room, lost }) => {
    const life = player.life(worker)
    const turn = {
      incarnation: life.id,
      settled: settled.map((one) => ({ ...one, claim: player.claim(worker, one.claim) })),
      givenBack: givenBack.map((one) => ({ ...one, claim: player.claim(worker, one.claim) })),
      room,
    }
    const answer = await player.store.turn(turn)
    const ended = [...turn.settled, ...turn.givenBack].map(({ claim }) => claim)
    life.held = life.held.filter((held) => !ended.some(({ id, claim }) => held.id === id && held.claim === claim))
    if (!answer.gone) player.leases.renewed(life.id)
    if (answer.gone) life.held = []
    else if (lost) return { ...answer, claimed: answer.claimed.length }
    else player.hold(life, answer.claimed)
    return answer
  },
  resync: async (player, { worker }) => {
    const life = player.life(worker)
    const answer = await player.store.resync(life.id)
    life.held = []
    if (answer === 'gone') return answer
    const held = answer.held.toSorted((a, b) => compare(a.id, b.id))
    player.hold(life, held)
    return { held, messages: answer.messages }
  },
  leave: ({ store, life }, { worker }) => store.leave(life(worker).id),
  wait: async (player, { worker, queues, ms }) => {
    const abort = new AbortController()
    const woken = player.store.wait(player.life(worker).id, queues, ms, abort.signal)
    await player.env.idle()
    abort.abort()
    // It may return early, so engines need not agree on why.
    return ['work', 'control', 'time'].includes(await woken)
  },
  report: ({ store, life, claim }, { worker, reports }) =>
    store.report(
      life(worker).id,
      reports.map((one) => ({ ...one, claim: claim(worker, one.claim) }) as Report),
    ),
  settled: ({ store, idOf }, { ids }) => store.settled(ids.map(idOf), 0, new AbortController().signal),
  change: ({ store, idOf }, { ids, change }) => store.change(ids.map(idOf), change),
  cancel: ({ store, idOf }, { ids }) => store.cancel(ids.map(idOf)),
  retry: ({ store, idOf }, { ids }) => store.retry(ids.map(idOf)),
  remove: ({ store, idOf }, { ids }) => store.remove(ids.map(idOf)),
  release: ({ store, idOf }, { held }) => store.release(held.map(({ id, result }) => ({ id: idOf(id), result }))),
  get: ({ store, idOf }, { ids }) => store.get(ids.map(idOf)),
  history: ({ store, idOf }, { id }) => store.history(idOf(id)),
  members: ({ store, idOf }, { id }) => store.members(idOf(id)),
  find: (player, { query }) => player.findAll(query),
  counts: ({ store }) => store.counts(),
  stats: ({ store, env }, { minutes }) => store.stats({ fromAt: env.now() - minutes * 60_000, toAt: Infinity }),
  pause: ({ store }, { queue, paused }) => store.pause(queue, paused),
  limit: ({ store }, { name, value }) => store.limit(name, value),
  listLimits: ({ store }, { query }) => store.listLimits(query),
  upkeep: async (player, { limits }) => {
    const result = await player.upkeepOnce(limits)
    // How many edges are left to follow, and whether what ended just now is pruned already, is the engine's affair.
    return result && { ...result, spread: undefined, pruned: undefined }
  },
  now: ({ store }) => store.now(),
  'schedules.put': ({ store }, { schedules }) => store.schedules.put(schedules),
  'schedules.pause': ({ store }, { name, paused }) => store.schedules.pause(name, paused),
  'schedules.remove': ({ store }, { names }) => store.schedules.remove(names),
  'schedules.get': ({ store }, { names }) => store.schedules.get(names),
  'schedules.list': ({ store }) => allSchedules(store.schedules),
  'schedules.due': async ({ store }, { limit }) => {
    const { life: _, ...answer } = await store.schedules.due(limit)
    return answer
  },
  'schedules.fire': async ({ store, env, know }, { name, late, nextInMs, job }) => {
    const [schedule] = await store.schedules.get([name])
    const nextAt = schedule?.nextAt ?? 0
    const answer = await store.schedules.fire([
      {
        name,
        at: nextAt - (late ? 1 : 0),
        nextAt: nextInMs === null ? null : env.now() + nextInMs,
        ...(job && { job }),
      },
    ])
    if (job) know(job.id)
    return answer
  },
  workers: (player) => player.workers(),
  send: ({ store, life }, { worker, message }) => store.send(worker === 'all' ? 'all' : life(worker).id, message),
  events: (player) => player.listen(),
  inspect: async ({ store }) => Array.isArray(await store.inspect()),
  close: ({ store }) => store.close(),
}

const happenings: Players<Happening['do']> = {
  advance: ({ env }, { ms }) => env.advance(ms),
  pass: async (player, { ms, alive }) => {
    for (let left = ms; left > 0; left -= 1_000) {
      await player.env.advance(Math.min(left, 1_000))
      for (const worker of alive) await player.giveSign(worker)
      await player.upkeep()
    }
  },
  jump: async ({ env }, { ms }) => env.jump(ms),
  look: (player) => player.everything(),
}

interface Life {
  readonly id: IncarnationId
  /** What it believes to hold. */
  held: Claim[]
}

export class Player {
  readonly store: Store
  readonly env: ManualEnv
  readonly lives: Life[] = []
  readonly leases: Leases
  readonly #ids = new Set<string>()
  readonly #claims: Claim[] = []
  readonly #events: JobEvent[] = []
  readonly #stop = new AbortController()

  constructor(store: Store, env: ManualEnv) {
    this.store = store
    this.env = env
    this.leases = new Leases(env)
  }

  /** The answer to one command, as text that is equal where the answers agree. */
  async play(command: Command): Promise<string> {
    const play = { ...calls, ...happenings }[command.do] as (player: Player, command: Command) => Promise<unknown>
    return this.#comparable(await play(this, command))
  }

  /** All there is to see, once upkeep has nothing left to do. */
  async everything(): Promise<unknown> {
    await this.upkeep()
    const { store } = this
    const found = await this.findAll({ limit: 500 })
    for (const { id } of found) this.know(id)
    const ids = [...this.#ids]

    return {
      jobs: await store.get(ids),
      found: found.map(({ id }) => id),
      histories: await Promise.all(ids.map((id) => store.history(id))),
      members: await Promise.all(ids.map((id) => store.members(id))),
      counts: await store.counts(),
      workers: await this.workers(),
      schedules: await allSchedules(store.schedules),
      stats: await store.stats({ fromAt: 0, toAt: Infinity }),
      events: await this.#told(),
    }
  }

  async giveSign(worker: number): Promise<void> {
    const { id } = this.life(worker)
    const answer = await this.store.turn({ incarnation: id, settled: [], givenBack: [], room: [] })
    if (!answer.gone) this.leases.renewed(id)
  }

  /** Until nothing is left to do; what ended last is pruned by one call more. */
  async upkeep(): Promise<void> {
    while ((await this.upkeepOnce())?.more);
    while ((await this.upkeepOnce())?.more);
  }

  /** Left out while engines may lawfully differ on whose lease is over. */
  async upkeepOnce(limits?: Partial<UpkeepLimits>): Promise<UpkeepResult | undefined> {
    if (this.leases.unsure) return undefined
    const result = await this.store.upkeep(limits)
    this.leases.keptUp(result.extended)
    return result
  }

  /** Without the time that is left of their leases: how often one is renewed is the engine's affair. */
  async workers(): Promise<Omit<WorkerRecord, 'leaseLeftMs'>[]> {
    return (await this.store.workers()).map(({ leaseLeftMs: _, ...worker }) => worker)
  }

  async findAll(query: Parameters<Store['find']>[0]): Promise<JobRecord[]> {
    const found: JobRecord[] = []
    let cursor: string | undefined
    do {
      const page = await this.store.find(query, cursor)
      found.push(...page.jobs)
      cursor = page.cursor
    } while (cursor !== undefined)
    return found
  }

  async listen(): Promise<void> {
    const events = this.store.events({}, this.#stop.signal)[Symbol.asyncIterator]()
    await events.next()
    void this.#hear(events)
  }

  readonly know = (id: string): void => void this.#ids.add(id)

  /** `~3` is the third id that the store itself has made. */
  readonly idOf = (name: string): string => {
    if (!name.startsWith('~')) return name
    const made = [...this.#ids].filter((id) => id.match(madeIds))
    return made[Number(name.slice(1)) % made.length] ?? 'nobody'
  }

  readonly life = (worker: number): Life => this.lives[worker] ?? { id: 'nobody', held: [] }

  readonly claim = (worker: number, pick: Pick): Claim => {
    const [claims, index] = 'held' in pick ? [this.life(worker).held, pick.held] : [this.#claims, pick.ever]
    return claims[index % claims.length] ?? { id: 'nobody', claim: 1 }
  }

  hold(life: Life, claimed: readonly ClaimedJob[]): void {
    for (const { id } of claimed) this.know(id)
    life.held.push(...claimed)
    this.#claims.push(...claimed)
  }

  async end(): Promise<void> {
    this.#stop.abort()
    await this.store.close()
  }

  async #hear(events: AsyncIterator<{ kind: string; event?: JobEvent }>) {
    for (let next = await events.next(); !next.done; next = await events.next()) {
      if (next.value.event) this.#events.push(next.value.event)
    }
  }

  /** Since the last look, by job: the order between jobs is the engine's affair. */
  async #told() {
    await this.env.idle()
    return Object.groupBy(this.#events.splice(0).map(essential), ({ id }) => id)
  }

  /** Keys in one order, and the ids that stores have made as numbers by their first appearance. */
  #comparable(answer: unknown): string {
    const text = JSON.stringify(answer, (_, value: unknown) => (isPlain(value) ? inOrder(value) : value)) ?? 'undefined'
    return text.replaceAll(madeIds, (id) => {
      this.#names.set(id, this.#names.get(id) ?? `#${this.#names.size}`)
      return this.#names.get(id)!
    })
  }

  readonly #names = new Map<string, string>()
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Keys sorted. No members and an empty list of members are the same. */
function inOrder(value: object): object {
  const fields = Object.entries(value).filter(([name, field]) => name !== 'members' || !isEmpty(field))
  return Object.fromEntries(fields.toSorted(([a], [b]) => compare(a, b)))
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** An engine may repeat an error or progress with an event that is not about it. */
function essential({ error, progress, ...event }: JobEvent): JobEvent {
  const failing = event.kind === 'retrying' || event.kind === 'failed' || event.kind === 'cancelled'
  return { ...event, ...(error && failing && { error }), ...(progress && event.kind === 'progress' && { progress }) }
}
