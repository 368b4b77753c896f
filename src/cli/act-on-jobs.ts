/**
 * Cancelling, retrying and removing from the command line: by id at once; by flags only
 * after the number was shown and agreed to.
 */
import type { JobHandle } from '../client/handle.ts'
import type { BulkAnswer, BulkOptions, JobsQuery } from '../client/queries.ts'
import type { Errand } from '../errand.ts'
import { confirm } from './confirm.ts'
import { exitCodes, UsageError } from './failures.ts'
import type { Invocation } from './invocation.ts'
import type { Column } from './output/table.ts'
import type { ActOptions } from './program-jobs.ts'
import { asksForSome, queryOf } from './query-flags.ts'
import { count } from './unserved.ts'

export interface Action {
  /** `cancel`, and what was done: `cancelled`. */
  readonly verb: string
  readonly past: string
  /** The states meant where no `--state` is given. */
  readonly states: NonNullable<JobsQuery['state']>
  readonly one: (job: JobHandle) => Promise<string>
  /** Answers that say it was done. */
  readonly done: readonly string[]
  readonly many?: (errand: Errand<any>, query: JobsQuery, options: BulkOptions) => Promise<BulkAnswer>
}

export async function actOnJobs(
  action: Action,
  invocation: Invocation,
  ids: readonly string[],
  options: ActOptions,
): Promise<number> {
  const chosen = asksForSome(options) || options.all === true
  if (ids.length > 0 && chosen) throw new UsageError('Choose jobs by id or with flags, not both.')
  if (ids.length === 0 && !chosen) {
    throw new UsageError(
      `Say which jobs to ${action.verb}: their ids, flags such as --state and --task, or --all. ` +
        'With --dry-run they are only counted.',
    )
  }

  return ids.length > 0 ? actOnIds(action, invocation, ids, options) : actOnFound(action, invocation, options)
}

async function actOnIds(action: Action, invocation: Invocation, ids: readonly string[], options: ActOptions) {
  if (options.dryRun) throw new UsageError('--dry-run counts what flags choose; with ids there is nothing to count.')
  const errand = await invocation.jobs()
  const rows: { id: string; answer: string }[] = []
  for (const id of ids) rows.push({ id, answer: await action.one(errand.job(id)) })

  invocation.out.rows(rows, [
    { title: 'id', value: ({ id }) => id },
    { title: 'answer', value: ({ answer }) => answer },
  ])
  if (rows.some(({ answer }) => answer === 'unknown')) return exitCodes.notFound

  return rows.every(({ answer }) => action.done.includes(answer)) ? exitCodes.ok : exitCodes.error
}

async function actOnFound(action: Action, invocation: Invocation, options: ActOptions) {
  const { out } = invocation
  const query = { state: action.states, ...queryOf(options) }
  const errand = await invocation.jobs()
  const { matched } = await action.many!(errand, query, { dryRun: true })

  if (options.dryRun || matched === 0) {
    out.say(matched === 0 ? 'No job fits.' : `This would ${action.verb} ${count(matched, 'job')}.`)
    out.rows([{ matched, done: 0 }], bulkColumns)
    return exitCodes.ok
  }
  if (!(await confirm(`This will ${action.verb} ${count(matched, 'job')}. Go on?`, invocation))) return exitCodes.error

  const answer = await action.many!(errand, query, {})
  out.say(
    `${count(answer.done, 'job')} ${action.past}${answer.done < answer.matched ? `, of ${answer.matched} found` : ''}.`,
  )
  out.rows([answer], bulkColumns)
  return exitCodes.ok
}

export const bulkColumns: readonly Column<BulkAnswer>[] = [
  { title: 'matched', value: ({ matched }) => matched },
  { title: 'done', value: ({ done }) => done },
]
