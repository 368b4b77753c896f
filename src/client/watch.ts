/** What happens to jobs, from all processes. */
import { withinReach } from '../duration.ts'
import { keepAlive } from '../env.ts'
import { checkOptions } from '../options.ts'
import { redacted } from '../redact.ts'
import type { Runtime } from '../runtime.ts'
import type { EventFilter, JobEvent as StoredJobEvent, StoreEvent } from '../store/store.ts'
import { logLine, type LogLine } from './history.ts'
import { jobInfo, type JobInfo } from './job-info.ts'

/** One thing that happened to a job. */
export interface JobEvent extends Omit<StoredJobEvent, 'at' | 'line' | 'redact'> {
  readonly at: Date
  /** With `log`. */
  readonly line?: LogLine
}

/** What `errand.events()` tells. */
export type JobNews =
  /** How the jobs asked for by id stood when listening began. */
  | { readonly kind: 'snapshot'; readonly jobs: readonly JobInfo[] }
  /** More happened than could be kept for this listener: look at the jobs again. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'job'; readonly event: JobEvent }

function jobEvent({ redact, line, ...event }: StoredJobEvent, reveal: boolean): JobEvent {
  const shown = <T>(value: T): T => (reveal ? value : redacted(value, redact))

  return {
    ...event,
    at: new Date(withinReach(event.at)),
    ...(event.progress && { progress: shown(event.progress) }),
    ...(line && { line: logLine(shown(line)) }),
  }
}

function news(runtime: Runtime, event: StoreEvent, reveal: boolean): JobNews {
  if (event.kind === 'snapshot')
    return { kind: 'snapshot', jobs: event.jobs.map((job) => jobInfo(job, runtime.codec, reveal)) }
  if (event.kind === 'lost') return event

  return { kind: 'job', event: jobEvent(event.event, reveal) }
}

export async function* watchJobs(
  runtime: Runtime,
  options: EventFilter & { signal?: AbortSignal; reveal?: boolean },
): AsyncGenerator<JobNews, void> {
  checkOptions(options, ['ids', 'tasks', 'queues', 'signal', 'reveal'], 'the options of `events`')
  const { signal, reveal = false, ...filter } = options
  const store = await runtime.open()
  const left = new AbortController()
  const until = AbortSignal.any([left.signal, runtime.closing.signal, ...(signal ? [signal] : [])])

  const alive = keepAlive(runtime.env)
  try {
    for await (const event of store.events(filter, until)) yield news(runtime, event, reveal)
  } finally {
    alive.cancel()
    left.abort()
  }
}
