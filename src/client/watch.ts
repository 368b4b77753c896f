/** What happens to jobs, from all processes. */
import { keepAlive } from '../env.ts'
import { checkOptions } from '../options.ts'
import { redacted } from '../redact.ts'
import type { Runtime } from '../runtime.ts'
import type { EventFilter, JobEvent, StoreEvent } from '../store/store.ts'
import { jobInfo, type JobInfo } from './job-info.ts'

export type JobNews =
  /** How the jobs asked for by id stood when listening began. */
  | { readonly kind: 'snapshot'; readonly jobs: readonly JobInfo[] }
  /** More happened than could be kept for this listener: look at the jobs again. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'job'; readonly event: Omit<JobEvent, 'redact'> }

function masked({ redact, ...event }: JobEvent, reveal: boolean): Omit<JobEvent, 'redact'> {
  if (reveal || !redact) return event

  return {
    ...event,
    ...(event.progress && { progress: redacted(event.progress, redact) }),
    ...(event.line && { line: redacted(event.line, redact) }),
  }
}

function news(runtime: Runtime, event: StoreEvent, reveal: boolean): JobNews {
  if (event.kind === 'snapshot')
    return { kind: 'snapshot', jobs: event.jobs.map((job) => jobInfo(job, runtime.codec, reveal)) }
  if (event.kind === 'lost') return event

  return { kind: 'job', event: masked(event.event, reveal) }
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
