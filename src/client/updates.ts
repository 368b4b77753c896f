/** One job as it changes: how it stands, then what happens to it. */
import { JobNotFoundError, ResultGoneError } from '../errors.ts'
import { isFinal } from '../job.ts'
import { keepAlive } from '../env.ts'
import { redacted } from '../redact.ts'
import type { Runtime } from '../runtime.ts'
import type { JobEvent, JobRecord, Store, StoreEvent } from '../store/store.ts'
import type { JobUpdate, ReadOptions } from './handle.ts'
import { logLine } from './history.ts'

const plainError = (error: { name: string; message: string } | undefined) =>
  error && { error: { name: error.name, message: error.message } }

function standing(record: JobRecord, at: number, reveal: boolean): JobUpdate {
  const progress = record.progress && { progress: reveal ? record.progress : redacted(record.progress, record.redact) }

  return {
    kind: 'now',
    state: record.state,
    at: new Date(at),
    attempt: record.attempt,
    ...progress,
    ...plainError(record.error),
  }
}

function change(event: JobEvent, reveal: boolean): JobUpdate {
  const shown = <T>(value: T): T => (reveal ? value : redacted(value, event.redact))
  const kind = event.kind === 'progress' || event.kind === 'log' ? event.kind : 'state'

  return {
    kind,
    state: event.state,
    at: new Date(event.at),
    attempt: event.attempt,
    ...(event.progress && { progress: shown(event.progress) }),
    ...(event.line && { line: logLine(shown(event.line)) }),
    ...plainError(event.error),
  }
}

const isRemoval = (event: StoreEvent) => event.kind === 'job' && event.event.kind === 'removed'

async function recordOf(store: Store, id: string): Promise<JobRecord> {
  const [record] = await store.get([id])
  if (record === undefined) throw new JobNotFoundError(id)
  if (record === 'gone') throw new ResultGoneError(id)

  return record
}

/**
 * @throws JobNotFoundError, ResultGoneError at the first step.
 */
export async function* jobUpdates(
  runtime: Runtime,
  id: string,
  { signal, reveal = false }: { signal?: AbortSignal } & ReadOptions,
): AsyncGenerator<JobUpdate, void> {
  const store = await runtime.open()
  const ended = new AbortController()
  const until = AbortSignal.any([ended.signal, runtime.closing.signal, ...(signal ? [signal] : [])])

  const alive = keepAlive(runtime.env)
  try {
    for await (const event of store.events({ ids: [id] }, until)) {
      const update =
        event.kind === 'job'
          ? change(event.event, reveal)
          : standing(await latest(event, store, id), runtime.env.now(), reveal)
      yield update
      if (isFinal(update.state) || isRemoval(event)) return
    }
  } finally {
    alive.cancel()
    ended.abort()
  }
}

/** The snapshot's record; a fresh look where events were lost or the snapshot does not have it. */
function latest(
  event: { kind: 'lost' } | { kind: 'snapshot'; jobs: readonly JobRecord[] },
  store: Store,
  id: string,
): Promise<JobRecord> {
  const record = event.kind === 'snapshot' ? event.jobs[0] : undefined

  return record ? Promise.resolve(record) : recordOf(store, id)
}
