/** `errand limits`, `errand limits list` */
import type { LimitInfo } from '../../client/limits.ts'
import type { Errand } from '../../errand.ts'
import { shown } from '../../errors/error.ts'
import { rateText } from '../../task/rate.ts'
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'
import type { Column } from '../output/table.ts'
import { length } from '../output/times.ts'
import type { ListOptions } from '../program-limits.ts'
import { wholeNumber } from '../queues-option.ts'
import { unknownCommand } from '../unknown-command.ts'

const commands = ['list', 'set', 'reset']
const usualLimit = '50'
const longestPage = 500

export async function run(invocation: Invocation, [unknown]: string[], options: ListOptions): Promise<number> {
  if (unknown !== undefined) throw unknownCommand(unknown, commands, 'limits')
  const { out } = invocation
  const limit = wholeNumber(options.limit ?? usualLimit, '--limit')
  const { limits, cursor } = await read(await invocation.jobs(), limit, options)

  if (out.form === 'json') out.json({ limits, ...(cursor !== undefined && { cursor }) })
  else out.rows(limits, columns)
  if (out.forPeople && limits.length === 0) {
    out.say(
      options.prefix === undefined ? 'No job here names a limit.' : `No limit begins with ${shown(options.prefix)}.`,
    )
  }
  if (cursor !== undefined && out.form !== 'json') out.say(`There are more: add --cursor ${cursor}`, 'dim')

  return exitCodes.ok
}

async function read(errand: Errand<any>, limit: number, { prefix, cursor: from }: ListOptions) {
  const limits: LimitInfo[] = []
  let cursor = from

  do {
    const page = await errand.limits.list({
      limit: Math.min(limit - limits.length, longestPage),
      ...(prefix !== undefined && { prefix }),
      ...(cursor !== undefined && { cursor }),
    })
    limits.push(...page.limits)
    cursor = page.cursor
  } while (cursor !== undefined && limits.length < limit)

  return { limits, cursor }
}

const columns: Column<LimitInfo>[] = [
  { title: 'limit', value: ({ name }) => name, flexible: true },
  { title: 'concurrency', value: ({ concurrency }) => concurrency },
  { title: 'taken', value: ({ taken }) => taken },
  {
    title: 'waiting',
    value: ({ waiting }) => waiting,
    style: ({ waiting = 0 }) => (waiting > 0 ? 'cyan' : 'dim'),
  },
  { title: 'rate', value: ({ rate }) => rate && rateText({ tokens: rate.starts, perMs: rate.per }) },
  { title: 'free', value: ({ free }) => free },
  { title: '', value: notes, style: () => 'yellow' },
]

function notes({ pinned, closedForMs }: LimitInfo): string {
  return [closedForMs !== undefined && `closed for ${length(closedForMs)}`, pinned && 'set by hand']
    .filter(Boolean)
    .join(', ')
}
