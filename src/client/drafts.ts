/** Middleware around enqueueing: jobs as it sees them, and jobs again of what it made of them. */
import { HandlerError } from '../errors.ts'
import { indexedTagOf, priorities, priorityOf, rankOf } from '../job.ts'
import { checkOneOf, checkQueue, checkTags, checkTexts } from '../options.ts'
import type { Runtime } from '../runtime.ts'
import type { NewJob } from '../store/store.ts'
import type { DraftJob } from '../task/middleware.ts'
import { parted, withNote } from '../workflow/note.ts'
import { encodeMetadata, inQueue, outOfOrder } from './new-job.ts'

/**
 * Hands jobs through all middleware to `send`, at once where no middleware waits before `next`.
 *
 * @throws HandlerError when one neither calls `next` nor throws
 */
export async function throughMiddleware<T>(
  runtime: Runtime,
  jobs: readonly NewJob[],
  send: (jobs: readonly NewJob[]) => T | Promise<T>,
): Promise<T> {
  if (runtime.middleware.length === 0) return send(jobs)
  const drafts = jobs.map((job) => draftOf(runtime, job))
  let sent: { answer: T } | undefined

  const last = async () => {
    sent = { answer: await send(jobs.map((job, index) => redrafted(runtime, job, drafts[index]!))) }
  }
  await runtime.middleware.reduceRight<() => Promise<void>>(
    (next, each) => (each.enqueue ? async () => each.enqueue!(drafts, next) : next),
    last,
  )()
  if (sent) return sent.answer

  throw new HandlerError(
    'A middleware did not wait for `next`, so nothing is known to be enqueued. Await it, or throw.',
  )
}

function draftOf({ codec }: Runtime, job: NewJob): DraftJob {
  return {
    id: job.id,
    task: job.task,
    input: codec.decode(job.input),
    queue: job.queue,
    priority: priorityOf(job.rank),
    tags: [...(job.tags ?? [])],
    metadata: job.metadata ? { ...parted(codec.decode(job.metadata) as Record<string, unknown>).metadata } : {},
  }
}

function redrafted(runtime: Runtime, job: NewJob, draft: DraftJob): NewJob {
  const where = `"${job.task}", as middleware left it,`
  const own = indexedTagOf(job)
  const all = checkTexts(draft.tags, `\`tags\` of ${where}`)
  const others = checkTags(
    all.filter((tag) => tag !== own),
    `\`tags\` of ${where}`,
  )
  const tags = [...new Set([...others, ...(own === undefined ? [] : [own])])]
  const metadata = withNote(encodeMetadata(runtime, draft.metadata, where), job.metadata)
  checkOneOf(draft.priority, priorities, `\`priority\` of ${where}`)
  const rank = rankOf(draft.priority)
  if (rank !== job.rank && job.lane?.ordered) throw outOfOrder(job.task, draft.priority)
  const { tags: _, metadata: __, ...rest } = inQueue(runtime, job, checkQueue(draft.queue, `\`queue\` of ${where}`))

  return {
    ...rest,
    rank,
    ...(tags.length > 0 && { tags }),
    ...(metadata !== '{}' && { metadata }),
  }
}
