/** The face of `errand queues`. */
import type { Command } from 'commander'
import type { Act } from './program.ts'
import { addHelp } from './program-help.ts'

export interface PurgeOptions {
  readonly dryRun?: boolean
}

const examples = `
Examples:
  errand queues
  errand queues pause email
  errand queues purge email --dry-run`

export function addQueues(program: Command, act: Act): void {
  const queues = program
    .command('queues')
    .description('look at queues, pause and empty them')
    .addHelpText('after', examples)

  queues
    // A mistyped command comes here as an argument.
    .command('list', { isDefault: true })
    .allowExcessArguments()
    .description('every queue, its jobs by state, and how many workers serve it (also without "list")')
    .action(act(() => import('./commands/queues-list.ts')))
  queues
    .command('pause <queue>')
    .description('hand out no more of its jobs; what runs goes on')
    .action(act(() => import('./commands/queues-pause.ts')))
  queues
    .command('resume <queue>')
    .description('hand out its jobs again')
    .action(act(() => import('./commands/queues-resume.ts')))
  queues
    .command('purge <queue>')
    .description('cancel all that waits in it')
    .option('--dry-run', 'only count')
    .action(act<PurgeOptions>(() => import('./commands/queues-purge.ts')))
  addHelp(queues)
}
