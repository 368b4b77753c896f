/** The face of `errand call`. */
import { Option, type Command } from 'commander'
import type { Act } from './program.ts'
import { collect } from './query-flags.ts'

export interface CallOptions {
  readonly json?: string
  readonly delay?: string
  readonly at?: string
  readonly expires?: string
  readonly queue?: string
  readonly priority?: 'low' | 'normal' | 'high' | 'urgent'
  readonly unique?: string
  readonly id?: string
  readonly tag?: string[]
  readonly wait?: boolean
  readonly follow?: boolean
  readonly timeout?: string
  readonly reveal?: boolean
}

const examples = `
The input is one JSON value, or fields as key=value. A value that is JSON counts as that, anything else as text, and
a dot in a key goes one level down.

Examples:
  errand call greet name=Ada
  errand call email.send to=ada@example.org subject='Hello there' --delay 5m
  errand call report --json '{"month": "2026-10"}' --wait --timeout 2m
  errand call import - --follow < rows.json

Without --wait the job's id is printed; with it, the result. Nothing is enqueued when the input does not fit (exit 2).`

export function addCall(program: Command, act: Act): void {
  program
    .command('call')
    .description('enqueue a job')
    .argument('<task>', 'name of the task')
    .argument('[input...]', 'a JSON value, key=value fields, or - to read JSON from stdin')
    .option('--json <value>', 'the input as JSON')
    .option('--delay <duration>', 'not before so long from now: 5m')
    .option('--at <time>', 'not before this time: 2026-12-01T09:00')
    .option('--expires <duration>', 'give it up unless started within this time')
    .option('-Q, --queue <name>', "in place of the task's own queue")
    .addOption(
      new Option('--priority <priority>', "in place of the task's own").choices(['low', 'normal', 'high', 'urgent']),
    )
    .option('--unique <key>', 'enqueue nothing while another job holds this key')
    .option('--id <id>', 'id of the job; the same id twice is one job')
    .option('--tag <tag>', 'a tag to find it by; may be repeated', collect)
    .option('--wait', 'wait for the job to end and print its result')
    .option('--follow', 'as --wait, with progress and log lines on stderr as they come')
    .option('--timeout <duration>', 'with --wait: how long; the job goes on')
    .option('--reveal', 'show what the task redacts')
    .addHelpText('after', examples)
    .action(act<CallOptions>(() => import('./commands/call.ts')))
}
