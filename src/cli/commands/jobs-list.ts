/** `errand jobs list` */
import type { JobInfo } from '../../client/job-info.ts'
import type { JobsQuery } from '../../client/queries.ts'
import type { Errand } from '../../errand.ts'
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'
import { progressText } from '../job-follower.ts'
import { relative } from '../output/times.ts'
import type { ListOptions } from '../program-jobs.ts'
import { queryOf } from '../query-flags.ts'
import { wholeNumber } from '../queues-option.ts'
import { stateStyle } from '../state-style.ts'
import { warnOfUnknownNames } from '../unknown-names.ts'

const longestPage = 500

export async function run(invocation: Invocation, _: string[], options: ListOptions): Promise<number> {
  const { out } = invocation
  const limit = wholeNumber(options.limit, '--limit')
  const query = queryOf(options)
  const errand = await invocation.jobs()

  const { jobs, cursor } = await read(errand, query, limit, options)
  if (out.form === 'json') out.json({ jobs, ...(cursor !== undefined && { cursor }) })
  else out.rows(jobs, columns)
  if (out.forPeople && jobs.length === 0) {
    out.say('No job fits.')
    await warnOfUnknownNames(errand, options, out)
  }
  if (cursor !== undefined && out.form !== 'json') out.say(`There are more: add --cursor ${cursor}`, 'dim')

  return exitCodes.ok
}

/** As many as asked for: a store's page may be short although more follow. */
async function read(errand: Errand<any>, query: JobsQuery, limit: number, options: ListOptions) {
  const jobs: JobInfo[] = []
  let cursor = options.cursor

  do {
    const page = await errand.jobs({
      ...query,
      limit: Math.min(limit - jobs.length, longestPage),
      reveal: options.reveal ?? false,
      ...(cursor !== undefined && { cursor }),
    })
    jobs.push(...page.jobs)
    cursor = page.cursor
  } while (cursor !== undefined && jobs.length < limit)

  return { jobs, cursor }
}

function remark(job: JobInfo): string {
  if (job.error && job.state !== 'succeeded') return `${job.error.name}: ${job.error.message}`
  if (job.state === 'scheduled' && job.dueAt) return `due ${relative(job.dueAt)}`
  if (job.cancelRequestedAt && job.state === 'running') return 'cancelling'

  return job.progress && job.state === 'running' ? progressText(job.progress) : ''
}

const columns = [
  { title: 'id', value: (job: JobInfo) => job.id },
  { title: 'state', value: (job: JobInfo) => job.state, style: (job: JobInfo) => stateStyle(job.state) },
  { title: 'task', value: (job: JobInfo) => job.task, flexible: true },
  { title: 'queue', value: (job: JobInfo) => job.queue, flexible: true },
  { title: 'attempt', value: (job: JobInfo) => job.attempt },
  { title: 'enqueued', value: (job: JobInfo) => relative(job.createdAt) },
  { title: '', value: remark, flexible: true },
]
