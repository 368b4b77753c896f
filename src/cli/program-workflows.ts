/** The faces of `errand workflows`. */
import type { Command } from 'commander'
import type { Act } from './program.ts'
import { addHelp } from './program-help.ts'

export interface ListWorkflowsOptions {
  readonly number?: string
}

export interface ShowWorkflowOptions {
  readonly mermaid?: boolean
}

const examples = `
Examples:
  errand workflows
  errand workflows show 019a3c1e-7b2d-7000-8000-4f1d2c3b4a59
  errand workflows show 019a3c1e-7b2d-7000-8000-4f1d2c3b4a59 --mermaid > workflow.mmd
  errand workflows signal 019a3c1e-7b2d-7000-8000-4f1d2c3b4a59 decided by=Grace
  errand workflows retry 019a3c1e-7b2d-7000-8000-4f1d2c3b4a59`

export function addWorkflows(program: Command, act: Act): void {
  const workflows = program
    .command('workflows')
    .description('look at workflows, give them signals, cancel and retry them')
    .addHelpText('after', examples)
  workflows
    // A mistyped command comes here as an argument.
    .command('list', { isDefault: true })
    .allowExcessArguments()
    .description('the newest workflows (also without "list")')
    .option('-n, --number <n>', 'how many (default: 50)')
    .action(act<ListWorkflowsOptions>(() => import('./commands/workflows-list.ts')))
  workflows
    .command('show <workflow>')
    .description('its steps, what each waits for, and how they stand')
    .option('--mermaid', 'as a chart that Mermaid draws')
    .action(act<ShowWorkflowOptions>(() => import('./commands/workflows-show.ts')))
  workflows
    .command('signal <workflow> <signal> [value...]')
    .description('give it the value it waits for: JSON, or fields as key=value')
    .action(act(() => import('./commands/workflows-signal.ts')))
  workflows
    .command('cancel <workflow>')
    .description('cancel every step that has not ended')
    .action(act(() => import('./commands/workflows-cancel.ts')))
  workflows
    .command('retry <workflow>')
    .description('run the steps again that failed or were cancelled; what they held up goes on')
    .action(act(() => import('./commands/workflows-retry.ts')))
  addHelp(workflows)
}
