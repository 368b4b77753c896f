/**
 * Lives of workers: joining, leaving, leases, rescue.
 *
 * Leases are on the machine's monotonic clock. After a restart of the machine it begins anew, so the
 * first upkeep finds another boot id and extends every lease instead of believing the numbers.
 */
import { WorkerLostError } from '../../errors.ts'
import { isLost } from '../rules.ts'
import type { ControlMessage, NewWorker, WorkerRecord } from '../store.ts'
import { dropExpiry, end } from './ending.ts'
import { flag, type JobRow } from './job-row.ts'
import { forgetLeader } from './groups.ts'
import { standAgain } from './line.ts'
import { never } from './rates.ts'
import { takeBack } from './settle.ts'
import { outcomes, type Step } from './step.ts'
import type { Statements } from './statements.ts'
import { note, type ClaimedPlace } from './where.ts'

export interface Life {
  readonly n: number
  readonly lease_ms: number
  readonly deadline: number
  readonly gone: number
  /** Whether a cancel request or a message waits for it. */
  readonly called: number
}

interface LifeRow extends Life {
  readonly id: string
  readonly name: string
  readonly host: string
  readonly pid: number
  readonly queues: string
  readonly tasks: string
  readonly slots: number
  readonly started_at: number
}

/** A lease this fresh is not written along with something else either: it stands on a page of its own. */
const freshMs = 250
const everything = -1

export function join(step: Step, worker: NewWorker): string {
  const { env, sql, now } = step
  const { name, host, pid, queues, tasks, slots, leaseMs } = worker
  const id = env.id()
  const deadline = env.monotonic() + leaseMs
  sql.join.run(id, name, host, pid, JSON.stringify(queues), JSON.stringify(tasks), slots, leaseMs, deadline, now)
  return id
}

/** Undefined once it was rescued or has left. */
export function lifeOf({ sql }: { sql: Statements }, id: string): Life | undefined {
  const life = sql.incarnation.get(id) as Life | undefined
  return life?.gone === 0 ? life : undefined
}

/**
 * A lease alone is written only after a third of it; and where a silence of the store has given it more than its length,
 * since its worker is heard again.
 */
export function isStale(monotonic: number, { deadline, lease_ms: leaseMs }: Life): boolean {
  const leftMs = deadline - monotonic
  return leftMs <= (leaseMs * 2) / 3 || leftMs > leaseMs
}

export function renew({ env, sql }: Step, life: Life): void {
  const now = env.monotonic()
  const leftMs = life.deadline - now
  if (leftMs <= life.lease_ms - freshMs || leftMs > life.lease_ms) sql.renew.run(now + life.lease_ms, life.n)
}

export function leave(step: Step, id: string): void {
  const life = lifeOf(step, id)
  if (!life) return

  for (const held of heldBy(step, life.n, everything)) takeBack(step, held, {})
  forget(step, life.n)
}

function heldBy({ sql }: Step, n: number, limit: number): { job: JobRow; place: ClaimedPlace }[] {
  const rows = sql.claimedBy.all(n, limit) as { seq: number }[]
  return rows.map(({ seq }) => ({
    job: sql.jobBySeq.get(seq) as JobRow,
    place: sql.getClaimed.get(seq) as ClaimedPlace,
  }))
}

function forget(step: Step, n: number): void {
  const { sql, called } = step
  sql.deleteSignals.run(n)
  sql.deleteMessages.run(n)
  sql.deleteIncarnation.run(n)
  called.add(n)
}

/**
 * True if the store was silent for half of some lease: that lease is extended instead of believed. Each by
 * itself, so a patient worker does not make a short silence of the store look like its workers', and none as shorter than
 * usual, since a hasty worker may be watched by calmer ones and needs as long as they to find its store again.
 */
export function extendAfterSilence({ env, sql }: Step): boolean {
  const { value: stamped } = sql.getMeta.get('stamp') as { value: number }
  const { value: boot } = sql.getMeta.get('boot') as { value: string }
  const monotonic = env.monotonic()
  // A new store has seen no boot yet.
  const rebooted = boot !== '' && boot !== env.bootId
  if (rebooted) sql.forgetAllListeners.run()

  return Number(sql.extendLeases.run(monotonic, rebooted ? never : monotonic - stamped).changes) > 0
}

export function stamp({ env, sql }: Step): void {
  sql.setMeta.run(env.monotonic(), 'stamp')
  sql.setMeta.run(env.bootId, 'boot')
}

/** Marks the silent gone first, so that nothing they still send is accepted. */
export function loseSilent({ env, sql, called }: Step): void {
  for (const { n } of sql.silent.all(env.monotonic()) as { n: number }[]) {
    sql.markGone.run(n)
    called.add(n)
  }
}

/** Takes back at most so many jobs of those that are gone. */
export function rescue(step: Step, limit: number): number {
  let rescued = 0
  while (rescued < limit) {
    const gone = step.sql.goneOnes.get() as { n: number } | undefined
    if (!gone) break

    const held = heldBy(step, gone.n, limit - rescued)
    for (const each of held) rescueJob(step, each.job, each.place)
    rescued += held.length
    if (rescued < limit) forget(step, gone.n)
  }
  return rescued
}

function rescueJob(step: Step, job: JobRow, { cancel_at: cancelAt, since }: ClaimedPlace): void {
  step.sql.leaveClaimed.run(job.seq)
  forgetLeader(step, job)
  step.record(job.task, outcomes.indexOf('rescued'), 0)
  dropExpiry(step, job)
  const crashed = note(step, { ...job, expires: null, crashes: job.crashes + 1, started: since })

  if (cancelAt !== null) end(step, crashed, 'running', { state: 'cancelled', cancelAt })
  else if (job.flags & flag.once || isLost(crashed)) endLost(step, crashed)
  else {
    step.flushReady()
    standAgain(step, crashed)
    step.move(job.queue, 'running', 'ready')
    step.tell('rescued', crashed, 'ready', job.failures)
  }
}

function endLost(step: Step, job: JobRow): void {
  const { name, message, code } = new WorkerLostError(job.crashes)
  end(step, job, 'running', { state: 'failed', error: { name, message, code } })
}

export function send(step: Step, to: string, message: ControlMessage): void {
  const { sql, called } = step
  for (const { id, n } of sql.liveIncarnations.all() as LifeRow[]) {
    if (to !== 'all' && to !== id) continue
    sql.putMessage.run(n, message.kind, JSON.stringify(message))
    called.add(n)
  }
}

/** The latest of each kind, whether it was told or not. */
export function messagesOf({ sql }: { sql: Statements }, n: number): ControlMessage[] {
  return (sql.messages.all(n) as { body: string }[]).map(({ body }) => JSON.parse(body) as ControlMessage)
}

export function workers({ sql }: { sql: Statements }, monotonic: number): WorkerRecord[] {
  const counted = sql.runningCounts.all() as { incarnation: number; n: number }[]
  const running = new Map(counted.map(({ incarnation, n }) => [incarnation, n]))

  return (sql.liveIncarnations.all() as LifeRow[]).map((row) => ({
    name: row.name,
    host: row.host,
    pid: row.pid,
    queues: JSON.parse(row.queues) as string[],
    tasks: JSON.parse(row.tasks) as string[],
    slots: row.slots,
    leaseMs: row.lease_ms,
    incarnation: row.id,
    startedAt: row.started_at,
    leaseLeftMs: Math.max(0, row.deadline - monotonic),
    running: running.get(row.n) ?? 0,
  }))
}
