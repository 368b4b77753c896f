/** `errand jobs show` */
import { styleText } from 'node:util'
import type { AttemptInfo, LogLine } from '../../client/history.ts'
import type { JobInfo } from '../../client/job-info.ts'
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'
import { logText, progressText } from '../job-follower.ts'
import { block, oneLine, safeJson } from '../output/plain-text.ts'
import { relative } from '../output/times.ts'
import type { ShowOptions } from '../program-jobs.ts'
import { stateStyle } from '../state-style.ts'

export async function run(invocation: Invocation, [id = '']: string[], options: ShowOptions): Promise<number> {
  const { out } = invocation
  const job = (await invocation.jobs()).job(id)

  const info = await job.info({ reveal: options.reveal ?? false })
  const attempts = await job.attempts()
  const log = await job.log()
  if (out.forPeople) for (const line of lines(info, attempts, log, out.verbose)) out.write(line)
  else out.json({ ...info, attempts, log })

  return exitCodes.ok
}

const titled = (title: string, value: string) => `${styleText('dim', title.padEnd(10))} ${value}`

function* lines(info: JobInfo, attempts: readonly AttemptInfo[], log: readonly LogLine[], verbose: boolean) {
  yield titled('id', oneLine(info.id))
  yield titled('state', stateText(info))
  for (const [title, value] of facts(info)) yield titled(title, value)
  for (const [title, value] of [
    ['input', info.input],
    ['result', info.result],
  ] as const) {
    if (value !== undefined) yield* json(title, value)
  }
  if (Object.keys(info.metadata).length > 0) yield* json('metadata', info.metadata)
  if (info.error) yield titled('error', oneLine(`${info.error.name}: ${info.error.message}`))
  if (info.error?.stack && verbose) yield block(info.error.stack, '           ')
  yield* attemptLines(attempts, verbose)
  if (log.length > 0) yield styleText('bold', 'log')
  for (const line of log) yield `  ${logText(line, process.stdout)}`
}

function stateText(info: JobInfo): string {
  const style = stateStyle(info.state)
  const word = style ? styleText(style, info.state) : info.state

  return info.cancelRequestedAt && info.state === 'running' ? `${word} (cancelling)` : word
}

function facts(info: JobInfo): [string, string][] {
  const moments = (['createdAt', 'dueAt', 'expiresAt', 'startedAt', 'finishedAt'] as const).flatMap((name) =>
    info[name]
      ? [[momentTitles[name], `${info[name].toISOString()}  ${relative(info[name])}`] as [string, string]]
      : [],
  )
  const some: [string, string | undefined][] = [
    ['task', info.task],
    ['queue', info.queue],
    ['priority', info.priority],
    ['attempt', String(info.attempt)],
    ['crashes', info.crashes > 0 ? String(info.crashes) : undefined],
    ...moments,
    ['unique', info.unique],
    ['tags', info.tags.length > 0 ? info.tags.join(', ') : undefined],
    ['workflow', info.workflow && `step ${info.workflow.step} of ${info.workflow.name}, ${info.workflow.id}`],
    ['because', info.because && `of the end of ${info.because}`],
    ['progress', info.progress && progressText(info.progress)],
  ]

  return some.flatMap(([title, value]) => (value === undefined ? [] : [[title, oneLine(value)] as [string, string]]))
}

const momentTitles = {
  createdAt: 'enqueued',
  dueAt: 'due',
  expiresAt: 'expires',
  startedAt: 'started',
  finishedAt: 'ended',
} as const

function* json(title: string, value: unknown) {
  const [first = '', ...rest] = safeJson(value, 2).split('\n')
  yield titled(title, first)
  for (const line of rest) yield `${' '.repeat(11)}${line}`
}

function* attemptLines(attempts: readonly AttemptInfo[], verbose: boolean) {
  if (attempts.length > 0) yield styleText('bold', 'attempts that failed')
  for (const { attempt, at, error } of attempts) {
    yield `  ${attempt}  ${at.toISOString()}  ${oneLine(`${error.name}: ${error.message}`)}`
    if (verbose && error.stack) yield block(error.stack, '     ')
  }
}
