/** The face of `errand limits`. */
import type { Command } from 'commander'
import type { Act } from './program.ts'
import { addHelp } from './program-help.ts'

export interface ListOptions {
  readonly prefix?: string
  readonly limit?: string
  readonly cursor?: string
}

export interface SetOptions {
  readonly concurrency?: string
  readonly rate?: string
}

const examples = `
Examples:
  errand limits
  errand limits list --prefix call-api:
  errand limits set call-api:acme --concurrency 1 --rate 10/m
  errand limits reset call-api:acme`

export function addLimits(program: Command, act: Act): void {
  const limits = program
    .command('limits')
    .description('look at limits of tasks, keys and queues, and change them')
    .addHelpText('after', examples)

  limits
    // A mistyped command comes here as an argument.
    .command('list', { isDefault: true })
    .allowExcessArguments()
    .description('every limit that jobs name or that was set, and what it holds back (also without "list")')
    .option('--prefix <text>', 'names that begin so: a task with all its keys')
    .option('--limit <n>', 'how many at most (default: 50)')
    .option('--cursor <cursor>', 'where the list before ended')
    .action(act<ListOptions>(() => import('./commands/limits-list.ts')))
  limits
    .command('set <limit>')
    .description('change it for jobs that wait and jobs to come, until it is reset')
    .option('-c, --concurrency <n>', 'jobs that run at once')
    .option('--rate <rate>', 'starts in a time: 10/s, 100/m, 10/90s')
    .action(act<SetOptions>(() => import('./commands/limits-set.ts')))
  limits
    .command('reset <limit>')
    .description('let the value in the code hold again, from the next job on')
    .action(act(() => import('./commands/limits-reset.ts')))
  addHelp(limits)
}
