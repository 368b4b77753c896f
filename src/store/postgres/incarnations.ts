/** The lives of workers: joining, asking anew after an unknown outcome, sleeping, leaving. Their turns are in turn.ts. */
import type { ControlMessage, IncarnationId, NewWorker, Resynced, WaitResult } from '../store.ts'
import { claimedColumns, claimedOf, type ClaimedRow } from './decode.ts'
import { queuesIn } from './inserter.ts'
import { silenceMsOf } from './lives.ts'
import type { News } from './news.ts'
import type { TurnParts } from './turn.ts'

export interface IncarnationParts extends TurnParts {
  readonly news: News
  /** Resolves once notifications arrive. */
  readonly hearing: () => Promise<void>
}

/** The first row of a resync. */
interface Resync {
  readonly epoch: number
  readonly no: number
  readonly mark: string
  readonly messages: ControlMessage[] | null
}

type Asleep = { readonly answer: 'work' | 'control' | 'again' | null }

export class Incarnations {
  readonly #parts: IncarnationParts

  constructor(parts: IncarnationParts) {
    this.#parts = parts
  }

  async join(worker: NewWorker): Promise<IncarnationId> {
    const { env, clock, statements, names, lives } = this.#parts
    const id = env.id()
    const { now, monotonic } = clock()
    const values = [id, now, monotonic, JSON.stringify(worker), worker.queues, Math.round(worker.leaseMs)]
    const { no, mark } = await statements.one<{ no: number; mark: string }>(
      'select errand.join($1, $2, $3, $4, $5, $6) as no, errand.mark_of_store() as mark',
      values,
    )
    names.seen(mark)
    Object.assign(lives.get(id), { no, epoch: 1, silenceMs: silenceMsOf(worker.leaseMs) })
    return id
  }

  async resync(incarnation: IncarnationId): Promise<Resynced | 'gone'> {
    const { statements, names, lives } = this.#parts
    const life = lives.get(incarnation)
    const text = `select ${claimedColumns} from errand.resync($1)`
    const [head, ...rows] = await statements.all<ClaimedRow>(text, [incarnation], { silenceMs: life.silenceMs })
    if (!head) return 'gone'

    const { epoch, no, mark, messages } = JSON.parse(head.extra!) as Resync
    Object.assign(life, { epoch, no })
    names.seen(mark)
    await names.knowNumbers(
      rows.map(({ queue }) => queue),
      rows.map(({ task }) => task),
    )
    return { held: rows.map((row) => claimedOf(row, names)), messages: messages ?? [] }
  }

  async leave(incarnation: IncarnationId): Promise<void> {
    const { clock, statements, lives, waking } = this.#parts
    const { arrivals } = await statements.one<{ arrivals: string | null }>('select errand.leave($1, $2) as arrivals', [
      incarnation,
      clock().now,
    ])
    lives.forget(incarnation)
    waking.wake(queuesIn(arrivals))
  }

  async wait(
    incarnation: IncarnationId,
    queues: readonly string[],
    ms: number,
    signal: AbortSignal,
  ): Promise<WaitResult> {
    const { news, hearing } = this.#parts
    if (signal.aborted) return 'time'
    const no = await this.#numberOf(incarnation)
    if (no === undefined) return 'control'
    await hearing()
    return news.sleep(no, queues, ms, signal, () => this.#fallAsleep(incarnation, queues))
  }

  async #numberOf(incarnation: IncarnationId): Promise<number | undefined> {
    const { statements, lives } = this.#parts
    const life = lives.get(incarnation)
    if (life.no !== undefined) return life.no
    const rows = await statements.all<{ no: number }>('select no from errand.worker where id = $1', [incarnation])
    return (life.no = rows[0]?.no)
  }

  async #fallAsleep(incarnation: IncarnationId, queues: readonly string[]): Promise<WaitResult | undefined> {
    const { statements, lives, floors } = this.#parts
    const life = lives.get(incarnation)
    const text = 'select errand.fall_asleep($1, $2, $3, $4) as answer'
    const options = { name: 'errand_fall_asleep', silenceMs: life.silenceMs }
    for (;;) {
      const { hints, era } = floors.floors()
      const { answer } = await statements.one<Asleep>(text, [incarnation, queues, hints, era], options)
      if (answer !== 'again') return answer ?? undefined
      // What it was woken for need not be ready yet: it may be a job that others will join.
      if (life.parked) return 'work'
    }
  }
}
