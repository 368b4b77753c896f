/**
 * The checker: from a ledger, and the jobs as the store tells them in the end, to a verdict.
 *
 * A plain function. It trusts nothing the system says about itself except, in the end, each
 * job's state and result; what was acknowledged, what ran and when, it has from the ledger.
 * An extra run is forgiven only where the ledger shows a fault that cut the run before it.
 */
import type { FinalState, JobState } from 'errand'
import type { ControlLine, ExecutionLine, Ledger } from './ledger.ts'

/** A job in the end, as the public API tells it. */
export interface JobInTheEnd {
  readonly id: string
  readonly state: JobState
  /** What the handler returned: the claim it ran under, and its process. */
  readonly result?: { readonly token: number; readonly by: string }
  readonly errorCode?: string
}

/** Each list names the jobs it is about. */
export interface Verdict {
  readonly tried: number
  readonly acknowledged: number
  /** Jobs that are none of what follows, except `recovered`. */
  readonly ok: number
  /** Acknowledged, and not final or not there. */
  readonly lost: readonly string[]
  /** Succeeded, though its result's handler never came to its end. */
  readonly ghost: readonly string[]
  /** Ran again, though no fault had cut the run before. */
  readonly duplicated: readonly string[]
  /** Granted to another, though its process lived, no fault had struck it, and it had neither ended nor given it back. */
  readonly robbed: readonly string[]
  /** Two runs at the same time. */
  readonly overlap: readonly string[]
  /** The result is that of a claim which had been taken back. */
  readonly zombieWrite: readonly string[]
  /** Started after the store had said that it was final. */
  readonly resurrected: readonly string[]
  /** Started after the store had said that it was cancelled. */
  readonly disobeyed: readonly string[]
  /** Ran again later than the bound after its process had died. */
  readonly late: readonly string[]
  /** Never acknowledged, and there nevertheless: allowed. */
  readonly recovered: readonly string[]
  /** There, though never tried, or though the producer was told that it was refused. */
  readonly unexpected: readonly string[]
  /** Failed for having lost its workers, though fewer than three were lost. */
  readonly blamed: readonly string[]
  readonly failed: readonly string[]
  /** Extra runs that a fault explains. */
  readonly repeated: number
  /** From the death of a process to the next start of what it held. */
  readonly recovery: { readonly times: number; readonly p99Ms: number; readonly maxMs: number }
}

const finalStates: readonly JobState[] = ['succeeded', 'failed', 'cancelled', 'expired'] satisfies FinalState[]
/** A job that was lost with its worker this often ends failed. */
const crashesAllowed = 3

/** One claim of a job as the ledger shows it. */
interface Execution {
  readonly id: string
  readonly token: number
  readonly by: string
  grantedAt?: number
  startedAt?: number
  /** Its handler came to its end, one way or the other. */
  endedAt?: number
  threw?: boolean
  /** It was handed back, or its failure recorded: no death can cut it any more. */
  released?: boolean
  readonly diedAt?: number
}

interface Story {
  readonly executions: readonly Execution[]
  readonly settledAt: number
  readonly cancelledAt: number
}

export function judge(ledger: Ledger, jobs: readonly JobInTheEnd[], bounds: { recoveryMs: number }): Verdict {
  const intents = intentsOf(ledger)
  const stories = storiesOf(ledger)
  const faults = Map.groupBy(ledger.control.filter(isFault), ({ by }) => by)
  const triedAt = new Map(ledger.intent.filter(({ kind }) => kind === 'try').map(({ id, at }) => [id, at]))
  const inTheEnd = new Map(jobs.map((job) => [job.id, job]))
  const story = (id: string) => stories.get(id) ?? { executions: [], settledAt: Infinity, cancelledAt: Infinity }
  const which = (ids: Iterable<string>, is: (story: Story, job: JobInTheEnd | undefined) => boolean) =>
    [...ids].filter((id) => is(story(id), inTheEnd.get(id)))

  const acknowledged = [...intents].filter(([, answer]) => answer === 'ack').map(([id]) => id)
  const started = stories.keys().toArray()
  const there = [...inTheEnd.keys()]
  const recoveries = started.flatMap((id) => recoveriesOf(story(id)).map((ms) => ({ id, ms })))
  const extra = started.flatMap((id) => extraRuns(story(id), faults).map((explained) => ({ id, explained })))

  const found = {
    lost: which(acknowledged, (_, job) => !job || !finalStates.includes(job.state)),
    ghost: which(there, isGhost),
    duplicated: unique(extra.filter(({ explained }) => !explained).map(({ id }) => id)),
    robbed: which(started, (each) => isRobbed(each, faults)),
    overlap: which(started, ({ executions }) => overlaps(executions)),
    zombieWrite: which(
      there,
      ({ executions }, job) => job!.result !== undefined && executions.some(({ token }) => token > job!.result!.token),
    ),
    resurrected: which(started, ({ executions, settledAt }) => startsAfter(executions, settledAt)),
    disobeyed: which(started, ({ executions, cancelledAt }) => startsAfter(executions, cancelledAt)),
    late: unique(recoveries.filter(({ ms }) => ms > bounds.recoveryMs).map(({ id }) => id)),
    unexpected: there.filter((id) => [undefined, 'refused'].includes(intents.get(id))),
    blamed: jobs
      .filter(({ id, errorCode }) => errorCode === 'WORKER_LOST' && isBlamed(triedAt.get(id) ?? 0, ledger))
      .map(({ id }) => id),
  }
  const bad = new Set(Object.values(found).flat())

  return {
    tried: intents.size,
    acknowledged: acknowledged.length,
    ok: there.filter((id) => !bad.has(id)).length,
    ...found,
    recovered: there.filter((id) => ['try', 'unknown'].includes(intents.get(id) ?? '')),
    failed: jobs.filter(({ state }) => state === 'failed').map(({ id }) => id),
    repeated: extra.filter(({ explained }) => explained).length,
    recovery: summary(recoveries.map(({ ms }) => ms)),
  }
}

/** Per id the best answer that a producer had: an id that was tried again may have had several. */
function intentsOf({ intent }: Ledger): Map<string, string> {
  const weight = ['try', 'refused', 'unknown', 'ack']
  const best = new Map<string, string>()
  for (const { id, kind } of intent) {
    if (weight.indexOf(kind) > weight.indexOf(best.get(id) ?? '')) best.set(id, kind)
  }
  return best
}

function storiesOf({ execution, control }: Ledger): Map<string, Story> {
  const exits = new Map(control.filter((line) => line.kind === 'exit').map(({ by, at }) => [by, at]))
  const cancels = new Map(control.filter((line) => line.kind === 'cancelled').map(({ id, at }) => [id, at]))
  const byId = Map.groupBy(execution, ({ id }) => id)

  return new Map(
    [...byId].map(([id, lines]) => [
      id,
      {
        executions: executionsOf(lines, exits),
        settledAt: lines.find(({ kind }) => kind === 'settled')?.at ?? Infinity,
        cancelledAt: cancels.get(id) ?? Infinity,
      },
    ]),
  )
}

/** In the order in which the store granted them. */
function executionsOf(lines: readonly ExecutionLine[], exits: ReadonlyMap<string, number>): Execution[] {
  const all = new Map<string, Execution>()
  const latest = new Map<string, Execution>()

  for (const line of lines) {
    if (line.kind === 'released') Object.assign(latest.get(line.by) ?? {}, { released: true })
    if (!('token' in line) || line.kind === 'stale') continue
    const { id, token, by } = line
    const diedAt = exits.get(by)
    const execution = all.get(`${token} ${by}`) ?? { id, token, by, ...(diedAt !== undefined && { diedAt }) }
    all.set(`${token} ${by}`, execution)
    latest.set(by, execution)
    note(execution, line)
  }
  return all
    .values()
    .toArray()
    .toSorted((a, b) => a.token - b.token)
}

function note(execution: Execution, { kind, at }: ExecutionLine): void {
  if (kind === 'granted') execution.grantedAt = at
  if (kind === 'start') execution.startedAt = at
  if (kind === 'end' || kind === 'threw') execution.endedAt = at
  if (kind === 'threw') execution.threw = true
}

function isGhost({ executions }: Story, job: JobInTheEnd | undefined): boolean {
  if (job?.state !== 'succeeded') return false
  const { token, by } = job.result ?? {}

  return !executions.some((each) => each.token === token && each.by === by && each.endedAt !== undefined && !each.threw)
}

const startsAfter = (executions: readonly Execution[], moment: number) =>
  executions.some(({ startedAt = -Infinity }) => startedAt > moment)

/** A run lasts until its handler's end or its process's; without either it lasts still. */
const endOf = ({ endedAt, diedAt }: Execution) => endedAt ?? diedAt ?? Infinity

function overlaps(executions: readonly Execution[]): boolean {
  const runs = executions
    .filter(({ startedAt }) => startedAt !== undefined)
    .toSorted((a, b) => a.startedAt! - b.startedAt!)

  return runs.some((run, index) => runs.slice(0, index).some((before) => endOf(before) > run.startedAt!))
}

type FaultLine = Extract<ControlLine, { kind: 'fault' }>
type Faults = ReadonlyMap<string, readonly FaultLine[]>
const isFault = (line: ControlLine): line is FaultLine => line.kind === 'fault'

/** One entry per run beyond the first: whether a fault had cut the one before it. */
function extraRuns({ executions }: Story, faults: Faults): boolean[] {
  const runs = executions.filter(({ startedAt }) => startedAt !== undefined)

  return runs.slice(1).map((run, index) => {
    const before = runs[index]!
    if (before.threw) return true
    const struck = (faults.get(before.by) ?? []).some(({ at }) => at < run.startedAt!)
    const dead = before.diedAt !== undefined && before.diedAt < run.startedAt!

    return struck || dead
  })
}

/** A worker that cannot reach its store has no fault of its own: only who dies or is struck alone may lose its jobs. */
function isRobbed({ executions }: Story, faults: Faults): boolean {
  return executions.some(({ by, endedAt = Infinity, diedAt, threw, released }, index) => {
    const { grantedAt, startedAt = -Infinity } = executions[index + 1] ?? {}
    const takenAt = grantedAt ?? startedAt
    const struck = (faults.get(by) ?? []).some(({ at }) => at < takenAt)

    return endedAt > takenAt && takenAt > -Infinity && !threw && !released && !struck && diedAt === undefined
  })
}

/**
 * Whether so few processes were struck since the job was asked for that it cannot have lost three workers. Who dies
 * between being granted a job and writing that down is not in the job's own story, so all who were struck count.
 */
function isBlamed(triedAt: number, ledger: Ledger): boolean {
  const struck = ledger.control.filter(({ kind, at }) => (kind === 'exit' || kind === 'fault') && at > triedAt)

  return new Set(struck.map((line) => ('by' in line ? line.by : ''))).size < crashesAllowed
}

/**
 * For each claim whose process died and that was granted anew: how long until it started again, or until
 * it was granted to another process that never came to start it and whose own end counts by itself.
 */
function recoveriesOf({ executions }: Story): number[] {
  return executions.flatMap(({ diedAt, released }, index) => {
    const next = executions[index + 1]
    const againAt = next?.startedAt ?? next?.grantedAt
    const ms = diedAt === undefined || againAt === undefined ? -1 : againAt - diedAt

    return released || ms < 0 ? [] : [ms]
  })
}

function summary(times: readonly number[]): Verdict['recovery'] {
  const sorted = times.toSorted((a, b) => a - b)
  const p99Ms = sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0

  return { times: sorted.length, p99Ms: Math.round(p99Ms), maxMs: Math.round(sorted.at(-1) ?? 0) }
}

const unique = (ids: readonly string[]) => [...new Set(ids)]
