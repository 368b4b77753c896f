/** Events and ends of jobs, as far as they are waited for: whoever listens is known to the server, so that it tells. */
import type { Env, Timer } from '../../env.ts'
import { StoreClosedError, mayPass } from '../../errors.ts'
import type { EventFilter, JobRecord, SettledJob, StoreEvent } from '../store.ts'
import { recordOf, settledOf, type RecordRow, type SettledRow } from './decode.ts'
import type { News } from './news.ts'
import type { Opening } from './opening.ts'
import type { Statements } from './statements.ts'

/** The server forgets listeners that were not heard of for a minute. */
const heartbeatMs = 20_000
/** A call that was under way when the waiting began may not have told; so it is looked once more, and then now and then. */
const [firstLookMs, laterLookMs] = [50, 1_000]

const settledText = `
  select i.id, case when b.no is null then null else d.state end as state, d.result, d.error, b.no is null as missing,
    exists (select from errand.pruned p where p.id = i.id union all select from errand.departed p where p.id = i.id) as pruned
  from unnest($1::text[]) with ordinality i (id, nth)
  left join errand.body b on b.id = i.id left join errand.done d on d.no = b.no
  where b.no is null or d.no is not null order by i.nth`

type LookedRow = SettledRow & { readonly missing: boolean; readonly pruned: boolean }

export class Listening {
  readonly #env: Env
  readonly #statements: Statements
  readonly #news: News
  readonly #hearing: Opening['hearing']
  readonly #hearingSoon: Opening['hearingSoon']
  readonly #id: string
  #tokens = 0
  #heartbeat: Timer | undefined

  constructor(env: Env, statements: Statements, news: News, { hearing, hearingSoon }: Opening) {
    this.#env = env
    this.#statements = statements
    this.#news = news
    this.#hearing = hearing
    this.#hearingSoon = hearingSoon
    this.#id = `${env.host}-${env.pid}-${env.random().toString(36).slice(2)}`
  }

  async *events(filter: EventFilter, signal: AbortSignal): AsyncGenerator<StoreEvent> {
    if (this.#statements.closed) throw new StoreClosedError()
    if (signal.aborted) return

    const subscription = this.#news.subscribe(filter, () => this.#ended())
    yield* subscription.events(signal, async () => {
      subscription.begin(await this.#begin(filter.ids ?? [], () => subscription.open()))
    })
  }

  async settled(ids: readonly string[], ms: number, signal: AbortSignal): Promise<SettledJob[]> {
    const until = this.#env.monotonic() + ms
    const isOver = () => signal.aborted || this.#env.monotonic() >= until
    const now = await this.#patiently(isOver, () => this.#look(ids))
    if (now.length > 0 || ms <= 0 || signal.aborted) return now

    for (let lookMs = firstLookMs; ; lookMs = laterLookMs) {
      const leftMs = until - this.#env.monotonic()
      const told = this.#news.someFinal(ids, Math.min(leftMs, lookMs), signal)
      const settled = await this.#patiently(isOver, async () => {
        await this.#hearingSoon()
        await this.#await(ids)
        return this.#look(ids)
      })
      if (settled.length > 0) return settled
      await told
      const after = await this.#patiently(isOver, () => this.#look(ids))
      if (after.length > 0 || isOver()) return after
    }
  }

  /** Who waits has time: a server that is away may be back before that is over. */
  async #patiently(isOver: () => boolean, look: () => Promise<SettledJob[]>): Promise<SettledJob[]> {
    try {
      return await look()
    } catch (error) {
      if (!mayPass(error) || isOver()) throw error
      return []
    }
  }

  async #look(ids: readonly string[]): Promise<SettledJob[]> {
    const rows = await this.#statements.all<LookedRow>(settledText, [ids])
    return rows.map((row) => (row.missing ? { id: row.id, state: row.pruned ? 'gone' : 'unknown' } : settledOf(row)))
  }

  async #await(ids: readonly string[]): Promise<void> {
    await this.#statements.all(
      `insert into errand.awaited (job, listener, until)
      select distinct job, $2, clock_timestamp() + interval '1 minute' from unnest($1::text[]) job
      on conflict (job, listener) do update set until = excluded.until`,
      [ids, this.#id],
    )
  }

  async #begin(ids: readonly string[], opened: () => void): Promise<JobRecord[]> {
    await this.#hearing()
    const token = `${this.#id}-${++this.#tokens}`
    this.#news.expect(token, opened)
    const rows = await this.#statements.all<RecordRow>('select * from errand.listen($1, $2, $3)', [
      this.#id,
      token,
      ids,
    ])
    this.#heartbeat ??= this.#beat()
    return rows.map(recordOf)
  }

  #beat(): Timer {
    return this.#env.after(heartbeatMs, () => {
      this.#heartbeat = this.#beat()
      const text = `insert into errand.listener (id, until) values ($1, clock_timestamp() + interval '1 minute')
        on conflict (id) do update set until = excluded.until`
      this.#statements.all(text, [this.#id]).catch(() => {})
    })
  }

  #ended(): void {
    if (this.#news.subscriptions > 0) return
    this.#heartbeat?.cancel()
    this.#heartbeat = undefined
    if (this.#statements.closed) return
    this.#statements.all('delete from errand.listener where id = $1', [this.#id]).catch(() => {})
  }
}
