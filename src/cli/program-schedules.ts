/** The faces of `errand schedules` and `errand beat`. */
import type { Command } from 'commander'
import type { Act } from './program.ts'
import { addHelp } from './program-help.ts'

export interface NextOptions {
  readonly number?: string
}

export interface PruneOptions {
  readonly dryRun?: boolean
}

const examples = `
Examples:
  errand schedules
  errand schedules next report.nightly -n 10
  errand schedules run report.nightly
  errand schedules prune --dry-run`

const beatExamples = `
Workers fire schedules by themselves, so this is for a process that does nothing else. Any number may run: each tick
fires once. SIGTERM or Ctrl-C ends it.`

export function addSchedules(program: Command, act: Act): void {
  program
    .command('beat')
    .description("declare the app's schedules and fire all that are due, without running jobs")
    .addHelpText('after', beatExamples)
    .action(act(() => import('./commands/beat.ts')))

  const schedules = program
    .command('schedules')
    .description('look at schedules, pause and run them')
    .addHelpText('after', examples)
  schedules
    // A mistyped command comes here as an argument.
    .command('list', { isDefault: true })
    .allowExcessArguments()
    .description('every schedule, its next tick and how its last job stands (also without "list")')
    .action(act(() => import('./commands/schedules-list.ts')))
  schedules
    .command('next <schedule>')
    .description('its ticks to come')
    .option('-n, --number <n>', 'how many (default: 5)')
    .action(act<NextOptions>(() => import('./commands/schedules-next.ts')))
  schedules
    .command('run <schedule>')
    .description('enqueue its job now, beside its ticks')
    .action(act(() => import('./commands/schedules-run.ts')))
  schedules
    .command('pause <schedule>')
    .description('no ticks until it is resumed')
    .action(act(() => import('./commands/schedules-pause.ts')))
  schedules
    .command('resume <schedule>')
    .description('let it tick again')
    .action(act(() => import('./commands/schedules-resume.ts')))
  schedules
    .command('remove <schedule>')
    .description('forget it; what it has enqueued stays')
    .action(act(() => import('./commands/schedules-remove.ts')))
  schedules
    .command('prune')
    .description('remove those that code declared and no process has declared for a day')
    .option('--dry-run', 'only tell which')
    .action(act<PruneOptions>(() => import('./commands/schedules-prune.ts')))
  addHelp(schedules)
}
