/** `errand schedules next` */
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'
import { relative } from '../output/times.ts'
import type { NextOptions } from '../program-schedules.ts'
import { wholeNumber } from '../queues-option.ts'

export async function run(invocation: Invocation, [name = '']: string[], options: NextOptions): Promise<number> {
  const { out } = invocation
  const { schedules } = await invocation.jobs()
  const ticks = await schedules.next(
    name,
    options.number === undefined ? undefined : wholeNumber(options.number, '--number'),
  )
  const { when, paused } = await schedules.get(name)
  const zone = 'cron' in when ? when.zone : 'UTC'
  const local = new Intl.DateTimeFormat('en-GB', { timeZone: zone, dateStyle: 'full', timeStyle: 'long' })

  out.rows(
    ticks.map((at) => ({ at, zone, local: local.format(at) })),
    [
      { title: 'at', value: ({ at }) => at.toISOString() },
      { title: zone, value: (row) => row.local },
      { title: '', value: ({ at }) => relative(at), style: () => 'dim' },
    ],
  )
  if (out.forPeople && ticks.length === 0) out.say(`Schedule "${name}" has no ticks to come.`)
  if (paused) out.say(`It is paused: none of them comes before it is resumed with: errand schedules resume ${name}`)
  return exitCodes.ok
}
