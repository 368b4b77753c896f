/** The faces of `errand dev`, `errand worker` and `errand doctor`. */
import type { Command } from 'commander'
import type { Act } from './program.ts'

export interface WorkerCommandOptions {
  readonly queues?: string[]
  readonly concurrency?: string
  readonly name?: string
  readonly burst?: boolean
  readonly grace?: string
  readonly watch?: boolean
}

const workerExamples = `
Examples:
  errand worker                          all queues of the app's tasks, sharing 10 slots
  errand worker -Q email:8,default:2     slots of their own for each queue
  errand worker -Q high,default -c 8     strict order: default only when high has nothing ready
  errand worker --burst                  until nothing is ready, then end

SIGTERM or Ctrl-C: takes no more jobs, lets running ones finish within --grace, gives back the rest. Once more: gives
everything back at once and exits with 130.`

const devExamples = `
Examples:
  errand dev
  errand dev src/app.ts`

export function addWorking(program: Command, act: Act): void {
  addWorkerFlags(
    program
      .command('dev')
      .description('a worker for developing: restarts when the app changes')
      .argument('[file]', 'the file that exports your app'),
  )
    .addHelpText('after', devExamples)
    .action(act<WorkerCommandOptions>(() => import('./commands/dev.ts')))
  addWorkerFlags(program.command('worker').description('run jobs'))
    .option('-n, --name <name>', 'name of this worker, for people (default: host and process id)')
    .option('--burst', 'end when nothing is ready')
    .option('--watch', 'restart when the files of the app change')
    .addHelpText('after', workerExamples)
    .action(act<WorkerCommandOptions>(() => import('./commands/worker.ts')))
  program
    .command('doctor')
    .description('check versions, the store, and that every queue is served; exit 1 when something is bad')
    .action(act(() => import('./commands/doctor.ts')))
}

function addWorkerFlags(command: Command): Command {
  return command
    .option(
      '-Q, --queues <queues>',
      "email,default: in this order; email:8,default:2: slots of their own (default: the tasks' queues in turn)",
      list,
    )
    .option('-c, --concurrency <n>', 'jobs run at once, where queues have no slots of their own (default: 10)')
    .option('--grace <duration>', 'how long running jobs may take to finish when stopping (default: 30s; dev: 3s)')
}

const list = (value: string, before: string[] = []) => [...before, ...value.split(',').map((each) => each.trim())]
