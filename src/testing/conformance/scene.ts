/** A store with a world around it, and short words for what most tests do with it. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { JobState } from '../../job.ts'
import type { Outcome } from '../../outcome.ts'
import type {
  ClaimedJob,
  GivenBack,
  IncarnationId,
  InsertOutcome,
  JobEventKind,
  JobRecord,
  NewJob,
  NewWorker,
  Room,
  Settlement,
  Store,
  StoreEvent,
  Turn,
  TurnResult,
} from '../../store/store.ts'
import { ManualEnv } from '../manual-env.ts'
import { aSettlement, aTurn, aWorker } from './builders.ts'
import type { StoreHarness } from './harness.ts'

export type LiveTurn = Extract<TurnResult, { gone: false }>

export async function setScene(harness: StoreHarness, test: TestContext): Promise<Scene> {
  const env = new ManualEnv()
  const scene = new Scene(await harness.open(env), env)
  test.after(() => scene.store.close())
  return scene
}

export class Scene {
  readonly store: Store
  readonly env: ManualEnv

  constructor(store: Store, env: ManualEnv) {
    this.store = store
    this.env = env
  }

  /** One call of insert. */
  async insert(...jobs: NewJob[]): Promise<InsertOutcome[]> {
    const [outcomes] = await this.store.insert([jobs])
    return outcomes!
  }

  join(fields: Partial<NewWorker> = {}): Promise<IncarnationId> {
    return this.store.join(aWorker(fields))
  }

  /** A turn of an incarnation that is expected to be alive. */
  async turn(incarnation: IncarnationId, fields: Partial<Turn> = {}): Promise<LiveTurn> {
    const result = await this.store.turn(aTurn({ incarnation, ...fields }))
    assert.equal(result.gone, false, 'the incarnation is alive')
    return result as LiveTurn
  }

  async claim(incarnation: IncarnationId, room: Partial<Room> = {}): Promise<ClaimedJob[]> {
    const { claimed } = await this.turn(incarnation, {
      room: [{ queues: ['default'], jobs: 10, bottomUp: 0, ...room }],
    })
    return [...claimed]
  }

  async claimedIds(incarnation: IncarnationId, room: Partial<Room> = {}): Promise<string[]> {
    return (await this.claim(incarnation, room)).map(({ id }) => id)
  }

  /** Claims whatever is first and says how it ended. */
  async run(
    incarnation: IncarnationId,
    outcome: Outcome,
    more: Partial<Settlement> = {},
    room: Partial<Room> = {},
  ): Promise<ClaimedJob> {
    const [job] = await this.claim(incarnation, { jobs: 1, ...room })
    assert.ok(job, 'there is a job to run')
    await this.settle(incarnation, job, outcome, more)
    return job
  }

  /** Records one outcome and claims nothing. */
  settle(
    incarnation: IncarnationId,
    { id, claim }: ClaimedJob,
    outcome: Outcome,
    more: Partial<Settlement> = {},
  ): Promise<LiveTurn> {
    return this.turn(incarnation, { settled: [aSettlement({ id, claim }, outcome, more)], room: [] })
  }

  giveBack(
    incarnation: IncarnationId,
    { id, claim }: ClaimedJob,
    delayMs?: number,
    more: Partial<GivenBack> = {},
  ): Promise<LiveTurn> {
    const back = { claim: { id, claim }, ...(delayMs !== undefined && { delayMs }), ...more }
    return this.turn(incarnation, { givenBack: [back], room: [] })
  }

  /** Upkeep until nothing is left to do now. */
  async upkeep(): Promise<void> {
    while ((await this.store.upkeep()).more);
  }

  /** Lets time pass as it does in life: upkeep looks after the store every second. */
  async pass(ms: number): Promise<void> {
    await this.upkeep()
    for (let left = ms; left > 0; left -= 1_000) {
      await this.env.advance(Math.min(left, 1_000))
      await this.upkeep()
    }
  }

  /** Long enough for every incarnation that says nothing to be believed dead. */
  silence(): Promise<void> {
    return this.pass(9_000)
  }

  /** A worker claims the first job and is never heard of again; the job is taken back. */
  async crash(): Promise<ClaimedJob> {
    const [job] = await this.claim(await this.join(), { jobs: 1 })
    assert.ok(job, 'there is a job to crash with')
    await this.silence()
    return job
  }

  async get(id: string): Promise<JobRecord> {
    const [job] = await this.store.get([id])
    assert.ok(job && job !== 'gone', `job ${id} is there`)
    return job
  }

  async state(id: string): Promise<JobState> {
    return (await this.get(id)).state
  }

  async states(...ids: string[]): Promise<JobState[]> {
    return (await this.store.get(ids)).map((job) => (job as JobRecord).state)
  }

  /** Everything that matches, over all pages. */
  async find(query: Parameters<Store['find']>[0] = {}): Promise<JobRecord[]> {
    const found: JobRecord[] = []
    let cursor: string | undefined
    do {
      const page = await this.store.find(query, cursor)
      found.push(...page.jobs)
      cursor = page.cursor
    } while (cursor !== undefined)
    return found
  }

  async listen(test: TestContext, filter: Parameters<Store['events']>[0] = {}): Promise<Listener> {
    const listener = new Listener(this.store, filter)
    test.after(() => listener.stop())
    await listener.snapshot
    return listener
  }
}

/** Hears events from the moment its snapshot is there. */
export class Listener {
  readonly snapshot: Promise<readonly JobRecord[]>
  readonly #abort = new AbortController()
  readonly #events: AsyncIterator<StoreEvent>

  constructor(store: Store, filter: Parameters<Store['events']>[0]) {
    this.#events = store.events(filter, this.#abort.signal)[Symbol.asyncIterator]()
    this.snapshot = this.next().then((event) => (event?.kind === 'snapshot' ? event.jobs : []))
  }

  async next(): Promise<StoreEvent | undefined> {
    const { value, done } = await this.#events.next()
    return done ? undefined : value
  }

  /** The next events, as `kind id`. */
  async kinds(count: number): Promise<`${JobEventKind} ${string}`[]> {
    const heard: `${JobEventKind} ${string}`[] = []
    while (heard.length < count) {
      const event = await this.next()
      if (event?.kind !== 'job') break
      heard.push(`${event.event.kind} ${event.event.id}`)
    }
    return heard
  }

  stop(): void {
    this.#abort.abort()
  }
}
