/** `errand schedules`, `errand schedules list` */
import type { ScheduleInfo } from '../../schedule/schedules.ts'
import type { StoredWhen } from '../../schedule/when.ts'
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'
import type { Column } from '../output/table.ts'
import { length, relative, tickText } from '../output/times.ts'
import { stateStyle } from '../state-style.ts'
import { unknownCommand } from '../unknown-command.ts'

const commands = ['list', 'next', 'run', 'pause', 'resume', 'remove', 'prune']

export async function run(invocation: Invocation, [unknown]: string[]): Promise<number> {
  if (unknown !== undefined) throw unknownCommand(unknown, commands, 'schedules')
  const { out } = invocation
  const schedules = await (await invocation.jobs()).schedules.list()

  out.rows(schedules, columns)
  if (out.forPeople && schedules.length === 0) {
    out.say('No schedule is kept here yet. Those that code declares come when a worker or `errand beat` starts.')
  }
  if (out.forPeople && schedules.some(({ orphaned }) => orphaned)) {
    out.say('No process has declared the orphans for a day. Remove them with: errand schedules prune')
  }
  return exitCodes.ok
}

const columns: Column<ScheduleInfo>[] = [
  { title: 'schedule', value: ({ name }) => name, flexible: true },
  { title: 'when', value: ({ when }) => whenText(when) },
  {
    title: 'next',
    value: ({ next, paused }) => (paused ? '' : next ? tickText(next) : 'never'),
  },
  { title: 'enqueues', value: ({ work }) => work, flexible: true },
  {
    title: 'last',
    value: ({ last }) => last?.state,
    style: ({ last }) => (last && last.state !== 'gone' ? stateStyle(last.state) : 'dim'),
  },
  { title: 'ended', value: ({ last }) => (last?.finishedAt ? relative(last.finishedAt) : '') },
  { title: '', value: notes, style: () => 'yellow' },
]

function notes({ paused, orphaned }: ScheduleInfo): string {
  return [paused && 'paused', orphaned && 'orphan'].filter(Boolean).join(', ')
}

function whenText(when: StoredWhen): string {
  if ('cron' in when) return `${when.cron} ${when.zone}`

  if ('every' in when) return `every ${length(when.every)}`

  // A newer release may know others.
  return 'at' in when ? `at ${new Date(when.at).toISOString()}` : JSON.stringify(when)
}
