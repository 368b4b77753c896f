/** The face of `errand move`. */
import type { Command } from 'commander'
import type { Act } from './program.ts'

export interface MoveOptions {
  readonly from: string
  readonly to: string
  readonly dryRun?: boolean
  readonly follow?: boolean
  readonly callOff?: boolean
  readonly wait?: string
}

const examples = `
Examples:
  errand move --from sqlite:errand.db --to redis://localhost --dry-run
  errand move --from sqlite:errand.db --to redis://localhost
  errand move --from sqlite:errand.db --to redis://localhost --follow

Producers, workers and schedules may go on at both stores. It can be interrupted at any time, even killed, and goes on
where it was when it is started again. Exit code 6 says that something is left.`

export function addMove(program: Command, act: Act): void {
  program
    .command('move')
    .description('carry jobs, schedules and history from one store to another')
    .requiredOption('--from <url>', 'the store to empty')
    .requiredOption('--to <url>', 'the store to fill')
    .option('--dry-run', 'only count')
    .option('--follow', 'go on until interrupted, for producers that still bring jobs to the first store')
    .option('--call-off', 'end an unfinished move: what is on its way arrives, all else stays where it is')
    .option('--wait <duration>', 'how long to wait for jobs that run, counted from the last one moved (default: 30s)')
    .addHelpText('after', examples)
    .action(act<MoveOptions>(() => import('./commands/move.ts')))
}
