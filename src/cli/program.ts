/**
 * The face of the command line: which commands there are, what each takes, and how help reads.
 *
 * What a command does is imported when it is called, so that starting costs the same
 * however many there are.
 */
import { Command, CommanderError, Option } from 'commander'
import type { Errand } from '../errand.ts'
import { addHelp } from './program-help.ts'
import { addJobs } from './program-jobs.ts'
import { addLimits } from './program-limits.ts'
import { addMove } from './program-move.ts'
import { addQueues } from './program-queues.ts'
import { addSchedules } from './program-schedules.ts'
import { addWorkflows } from './program-workflows.ts'
import { addWorking } from './program-working.ts'
import { addCall } from './program-call.ts'
import { exitCodeOf, exitCodes } from './failures.ts'
import { Invocation, type GlobalOptions } from './invocation.ts'
import { forms } from './output/output.ts'
import { reportError } from './report.ts'
import { version } from './version.ts'

/** What each command's own file exports. */
interface CommandModule<Options> {
  readonly run: (invocation: Invocation, args: string[], options: Options) => Promise<number>
}

/** Makes a command's action from the import of its file. */
export type Act = <Options>(load: () => Promise<CommandModule<Options>>) => (this: Command) => Promise<void>

export interface RunOptions {
  /** The app that runs itself. */
  readonly app?: Errand<any>
  /** Called once, before anything else happens. */
  readonly prepare?: () => void
}

/** Runs one command, prints what went wrong, and gives the exit code. */
export async function runProgram(args: readonly string[], { app, prepare }: RunOptions): Promise<number> {
  let code: number = exitCodes.ok
  const act: Act = (load) =>
    async function (this: Command) {
      const { run } = await load()
      code = await carryOut(new Invocation(this.optsWithGlobals<GlobalOptions>(), app), (invocation) =>
        run(invocation, this.args, this.optsWithGlobals() as Parameters<typeof run>[2]),
      )
    }

  const program = makeProgram(act, app !== undefined)
  try {
    prepare?.()
    await program.parseAsync([...args], { from: 'user' })
  } catch (error) {
    // Commander has printed its own already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    reportError(error, program.opts<GlobalOptions>().verbose ?? false)
    return exitCodeOf(error)
  }
  return code
}

async function carryOut(invocation: Invocation, run: (invocation: Invocation) => Promise<number>): Promise<number> {
  try {
    return await run(invocation)
  } finally {
    await invocation.close()
  }
}

const onHelp = (program: Command) => program.configureHelp({ showGlobalOptions: true, sortSubcommands: false })

/** `selfRun`: the app is given, so that there is none to name. */
export function makeProgram(act: Act, selfRun: boolean): Command {
  const program = onHelp(new Command('errand'))
    .description('Background jobs: run them, enqueue them, look after them.')
    .version(version, '-V, --version')
    .exitOverride()

  if (!selfRun)
    program.option(
      '-A, --app <file>',
      'the file that exports your app (default: errand.config.ts, else tasks.ts, else src/tasks/**)',
    )
  program
    .option(
      '--store <url>',
      "where jobs are kept, in place of the app's: sqlite:path/to/file.db, redis://host, postgres://host/database",
    )
    .addOption(new Option('-o, --output <form>', 'form of the data on stdout').choices(forms).default('table'))
    .option('-q, --quiet', 'no talk on stderr but warnings and errors')
    .option('-v, --verbose', 'more talk; errors with their stack')
    .option('-y, --yes', 'do not ask')
    .option('--no-color', 'no colours (as does NO_COLOR)')
    .on('option:no-color', () => (process.env['NO_COLOR'] = '1'))
    .addHelpText('after', programHelp)

  addWorking(program, act)
  addCall(program, act)
  addJobs(program, act)
  addQueues(program, act)
  addLimits(program, act)
  addMove(program, act)
  addSchedules(program, act)
  addWorkflows(program, act)
  addHelp(program)

  return program
}

const programHelp = `
Examples:
  errand dev                                     run tasks.ts, restarting when it changes
  errand worker -Q email,default:2               a worker with slots for each queue
  errand call email.send to=ada@example.org --wait
  errand jobs list --state failed --since 1h
  errand doctor

Exit codes: 0 done, 1 error, 2 wrong usage, 3 store unusable, 4 not found, 5 the job failed, 6 timed out, 130 interrupted.
A .env file in the working folder is read first. ERRAND_STORE names the store of an app that names none.`
