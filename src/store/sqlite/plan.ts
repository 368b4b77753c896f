/** What a call will do, decided before anything of it is written: each job sees what earlier ones will have added. */
import { isUuid } from '../../id.ts'
import type { Claim, InsertOutcome, NewJob } from '../store.ts'
import { idText, idValue, stateCode, type FinalRow, type JobRow } from './job-row.ts'
import type { Step } from './step.ts'
import { isWaiting, whereIs } from './where.ts'

interface Holder {
  readonly id: string
  readonly replaceable: boolean
}

export class Plan {
  readonly #step: Step
  readonly #jobs = new Map<string, { job: NewJob; cancelled: boolean }>()
  /** Ids of jobs that were there before, or came earlier in the call. */
  readonly #replaced = new Set<string>()
  readonly #keys = new Map<string, Holder | undefined>()

  constructor(step: Step) {
    this.#step = step
  }

  add(job: NewJob): InsertOutcome {
    if (job.startedBy && !this.#mayStart(job.startedBy))
      return { kind: 'refused', reason: 'stale', other: job.startedBy.id }
    if (this.#step.hasDeparted(job.id)) return { kind: 'exists' }
    const there = this.#jobs.get(job.id)?.job ?? this.#stored(job.id)
    if (there) {
      const same = there.task === job.task && there.input === job.input
      return same ? { kind: 'exists' } : { kind: 'refused', reason: 'conflict', other: job.id }
    }
    const unknown = job.after?.on.find((id) => !this.#jobs.has(id) && !this.#step.sql.seqOfMember.get(idValue(id)))
    if (unknown !== undefined) return { kind: 'refused', reason: 'unknown', other: unknown }

    const outcome = this.#keyOutcome(job)
    if (outcome.kind === 'replaced') this.#replaced.add(outcome.other)
    if (outcome.kind === 'inserted' || outcome.kind === 'replaced') this.#expect(job)
    return outcome
  }

  #mayStart({ id, claim }: Claim): boolean {
    const starter = this.#step.sql.jobById.get(idValue(id)) as JobRow | undefined
    const where = starter && whereIs(this.#step, starter)

    return where?.state === 'running' && where.claimed.claim === claim && where.claimed.cancel_at === null
  }

  #keyOutcome(job: NewJob): InsertOutcome {
    const holder = this.#holder(job)
    if (!holder) return { kind: 'inserted' }
    if (job.unique!.onConflict === 'refuse') return { kind: 'refused', reason: 'taken', other: holder.id }

    const replaced = job.unique!.onConflict === 'replace' && holder.replaceable
    return { kind: replaced ? 'replaced' : 'kept', other: holder.id }
  }

  #holder(job: NewJob): Holder | undefined {
    if (!job.unique) return undefined
    const name = keyName(job)
    if (this.#keys.has(name)) return this.#keys.get(name)

    const { sql, names, now } = this.#step
    const task = names.findTask(job.task)
    if (task === undefined) return undefined

    const row = sql.keyHolder.get(task, job.unique.key) as
      | { seq: number; id: Uint8Array | string; until: number | null }
      | undefined
    if (!row || (row.until !== null && row.until <= now)) return undefined
    const holder = sql.jobBySeq.get(row.seq) as JobRow | undefined
    return { id: idText(row.id), replaceable: holder !== undefined && this.#isReplaceable(holder) }
  }

  #isReplaceable(holder: JobRow): boolean {
    return isWaiting(whereIs(this.#step, holder).state) && !this.#step.sql.getLeaving.get(holder.seq)
  }

  #expect(job: NewJob): void {
    const cancelled = job.after?.otherwise === 'cancel' && job.after.on.some((id) => this.#endsWaiters(id))
    this.#jobs.set(job.id, { job, cancelled })
    if (!job.unique) return

    const holdsOn = typeof job.unique.scope === 'object'
    this.#keys.set(keyName(job), cancelled && !holdsOn ? undefined : { id: job.id, replaceable: !cancelled })
  }

  #endsWaiters(id: string): boolean {
    if (this.#replaced.has(id)) return true
    const planned = this.#jobs.get(id)
    if (planned) return planned.cancelled

    const { sql } = this.#step
    const { seq } = sql.seqOfMember.get(idValue(id)) as { seq: number }
    const final = sql.getFinal.get(seq) as FinalRow | undefined
    return final !== undefined && final.state !== stateCode.succeeded
  }

  #stored(id: string): { task: string; input: string } | undefined {
    const { sql } = this.#step
    if (!(isUuid(id) ? sql.seqOfUuid : sql.seqOfId).get(id)) return undefined
    const row = sql.jobById.get(idValue(id)) as JobRow | undefined
    return row && { task: this.#step.names.name(row.task), input: row.input }
  }
}

/** The length keeps apart what would read the same. */
const keyName = ({ task, unique }: NewJob) => `${task.length} ${task} ${unique!.key}`
