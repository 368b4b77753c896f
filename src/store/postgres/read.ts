/** Looking: jobs, what happened to one, what it waited for, and the counters. */
import { compareText } from '../../compare.ts'
import { jobStates, type JobState } from '../../job.ts'
import type * as contract from '../store.ts'
import type { Clock } from './clock.ts'
import { memberOf, recordOf, type MemberRow, type RecordRow } from './decode.ts'
import type { Statements } from './statements.ts'

const membersPerPage = 500
const outcomes = ['retry', 'wait', '', '', 'succeeded', 'failed', 'cancelled', 'expired', 'rescued'] as const

export async function get(
  statements: Statements,
  ids: readonly string[],
): Promise<(contract.JobRecord | 'gone' | undefined)[]> {
  const text = `select * from errand.records(array(select no from errand.body where id = any ($1)))`
  const rows = await statements.all<RecordRow>(text, [ids])
  const found = new Map(rows.map((row) => [row.id, recordOf(row)]))
  const missing = ids.filter((id) => !found.has(id))
  const departed = missing.length > 0 ? await gone(statements, missing) : new Set<string>()
  return ids.map((id) => found.get(id) ?? (departed.has(id) ? 'gone' : undefined))
}

export async function history(statements: Statements, id: string): Promise<contract.JobHistory | undefined> {
  const text = `select h.attempt, h.at, h.said from errand.body b left join errand.history h on h.no = b.no where b.id = $1 order by h.seq`
  const rows = await statements.all<{ attempt: number | null; at: string | null; said: string | null }>(text, [id])
  if (rows.length === 0) return undefined
  const said = rows
    .filter((row) => row.said !== null)
    .map((row) => ({ ...row, said: JSON.parse(row.said!) as unknown }))
  return {
    attempts: said.flatMap(({ attempt, at, said: error }) =>
      attempt === null ? [] : [{ attempt, at: Number(at), error } as contract.AttemptRecord],
    ),
    log: said.flatMap(({ attempt, said: line }) =>
      attempt === null ? [line as contract.JobHistory['log'][number]] : [],
    ),
  }
}

export async function members(
  statements: Statements,
  id: string,
  cursor?: string,
): Promise<{ members: contract.Member[]; cursor?: string }> {
  const text = `select json_build_array(e.index, e.id, d.state, d.result, d.error::json) as member
    from errand.body b join errand.edge e on e.waiter = b.no join errand.done d on d.no = e.member
    where b.id = $1 and e.index >= $2 order by e.index limit $3`
  const rows = await statements.all<{ member: MemberRow }>(text, [id, Number(cursor ?? 0), membersPerPage])
  const members = rows.map(({ member }) => memberOf(member))
  const more = members.length === membersPerPage
  return more ? { members, cursor: String(members.at(-1)!.index + 1) } : { members }
}

export async function counts(statements: Statements): Promise<contract.QueueCounts[]> {
  interface Row {
    queue: string
    paused: boolean
    state: number | null
    n: string | null
  }
  const rows = await statements.all<Row>('select * from errand.counts() order by queue collate "C"')
  const queues = new Map<string, { queue: string; paused: boolean; states: Record<JobState, number> }>()
  for (const { queue, paused, state, n } of rows) {
    const counted = queues.get(queue) ?? { queue, paused, states: noJobs() }
    queues.set(queue, counted)
    if (state !== null) counted.states[jobStates[state]!] = Number(n)
  }
  return [...queues.values()]
}

export async function stats(
  statements: Statements,
  { fromAt, toAt }: Parameters<contract.Store['stats']>[0],
): Promise<contract.StatRow[]> {
  interface Row {
    at: string
    task: string
    outcome: number
    n: string
    ran_ms: string
  }
  const rows = await statements.all<Row>('select * from errand.stats($1, $2)', [fromAt, toAt])
  return rows
    .map(({ at, task, outcome, n, ran_ms }) => ({
      at: Number(at),
      task,
      outcome: outcomes[outcome] as contract.StatRow['outcome'],
      count: Number(n),
      ranMs: Number(ran_ms),
    }))
    .toSorted((a, b) => a.at - b.at || compareText(a.task, b.task) || compareText(a.outcome, b.outcome))
}

export async function now(statements: Statements, clock: Clock): Promise<number> {
  const text = 'select coalesce($1::bigint, errand.now_of_call()) as now'
  return Number((await statements.one<{ now: string }>(text, [clock().now])).now)
}

export async function workers(statements: Statements, clock: Clock): Promise<contract.WorkerRecord[]> {
  interface Row {
    id: string
    said: contract.NewWorker
    started: string
    left: string
    running: string
  }
  const text = `select w.id, w.said, w.started, w.deadline - (errand.begin($1, $2)).mono as left,
    (select count(*) from errand.running r where r.worker = w.no) as running
    from errand.worker w where w.gone is null order by w.no`
  const { now, monotonic } = clock()
  const rows = await statements.all<Row>(text, [now, monotonic])
  return rows.map(({ id, said, started, left, running }) => ({
    ...said,
    incarnation: id,
    startedAt: Number(started),
    leaseLeftMs: Math.max(0, Number(left)),
    running: Number(running),
  }))
}

const noJobs = () => Object.fromEntries(jobStates.map((state) => [state, 0])) as Record<JobState, number>

/** Which of these have been pruned, or moved. */
async function gone(statements: Statements, ids: readonly string[]): Promise<Set<string>> {
  const text = `select id from errand.pruned where id = any ($1) union select id from errand.departed where id = any ($1)`
  const rows = await statements.all<{ id: string }>(text, [ids])
  return new Set(rows.map(({ id }) => id))
}
