/** The face of `errand jobs`. */
import type { Command } from 'commander'
import type { Act } from './program.ts'
import { addHelp } from './program-help.ts'
import { addQueryFlags, type QueryOptions } from './query-flags.ts'

export interface ListOptions extends QueryOptions {
  readonly limit: string
  readonly cursor?: string
  readonly reveal?: boolean
}

export interface ShowOptions {
  readonly reveal?: boolean
}

export interface LogsOptions {
  readonly follow?: boolean
}

export interface ActOptions extends QueryOptions {
  readonly all?: boolean
  readonly dryRun?: boolean
  readonly yes?: boolean
}

const examples = `
Examples:
  errand jobs list --state failed --since 1h
  errand jobs list --task email.send --input to=ada@example.org -o jsonl
  errand jobs show 0199…
  errand jobs logs 0199… -f
  errand jobs retry --state failed --task email.send --dry-run
  errand jobs cancel --queue email -y`

export function addJobs(program: Command, act: Act): void {
  const jobs = program
    .command('jobs')
    .description('look at jobs, cancel, retry and remove them')
    .addHelpText('after', examples)

  addQueryFlags(jobs.command('list').description('jobs, newest first'))
    .option('--limit <n>', 'how many at most', '50')
    .option('--cursor <cursor>', 'where the list before ended')
    .option('--reveal', 'show what tasks redact')
    .action(act<ListOptions>(() => import('./commands/jobs-list.ts')))
  jobs
    .command('show <id>')
    .description('all there is to know of one job: input, result, attempts, errors, log')
    .option('--reveal', 'show what its task redacts')
    .action(act<ShowOptions>(() => import('./commands/jobs-show.ts')))
  jobs
    .command('logs <id>')
    .description('the log of one job')
    .option('-f, --follow', 'go on until the job ends')
    .action(act<LogsOptions>(() => import('./commands/jobs-logs.ts')))

  addBulk(jobs, 'cancel', 'end waiting jobs at once and signal running ones').action(
    act<ActOptions>(() => import('./commands/jobs-cancel.ts')),
  )
  addBulk(jobs, 'retry', 'run final jobs again; without --state, failed ones').action(
    act<ActOptions>(() => import('./commands/jobs-retry.ts')),
  )
  addBulk(jobs, 'remove', 'delete jobs that are not running; without --state, final ones').action(
    act<ActOptions>(() => import('./commands/jobs-remove.ts')),
  )
  jobs
    .command('promote <ids...>')
    .description('make scheduled jobs ready now')
    .action(act(() => import('./commands/jobs-promote.ts')))
  addHelp(jobs)
}

/** A command on jobs by id, or on all that flags choose. */
function addBulk(jobs: Command, name: string, description: string): Command {
  return addQueryFlags(
    jobs.command(name).description(description).argument('[ids...]', 'jobs by id; or choose with flags'),
  )
    .option('--all', 'all of them, where no other flag chooses')
    .option('--dry-run', 'only count')
}
