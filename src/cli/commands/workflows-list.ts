/** `errand workflows`, `errand workflows list` */
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'
import type { Column } from '../output/table.ts'
import { relative } from '../output/times.ts'
import type { ListWorkflowsOptions } from '../program-workflows.ts'
import { stateStyle } from '../state-style.ts'
import { unknownCommand } from '../unknown-command.ts'
import { wholeNumber } from '../queues-option.ts'
import type { WorkflowSummary } from '../../workflow/list.ts'

const commands = ['list', 'show', 'signal', 'cancel', 'retry']

export async function run(invocation: Invocation, [unknown]: string[], options: ListWorkflowsOptions): Promise<number> {
  if (unknown !== undefined) throw unknownCommand(unknown, commands, 'workflows')
  const { out } = invocation
  const limit = options.number === undefined ? 50 : wholeNumber(options.number, '--number')
  const { workflows, cursor } = await (await invocation.jobs()).workflows({ limit })

  out.rows(workflows, columns)
  if (out.forPeople && workflows.length === 0) out.say('No workflow is kept here.')
  if (out.forPeople && cursor !== undefined) out.say('There are more. Show them with: errand workflows list -n 500')

  return exitCodes.ok
}

const columns: Column<WorkflowSummary>[] = [
  { title: 'id', value: ({ id }) => id },
  { title: 'name', value: ({ name }) => name, flexible: true },
  {
    title: 'state',
    value: ({ state }) => state,
    style: ({ state }) => (state === 'unfinished' ? 'cyan' : stateStyle(state)),
  },
  { title: 'steps', value: ({ total }) => String(total) },
  { title: 'enqueued', value: ({ createdAt }) => relative(createdAt) },
  { title: 'ended', value: ({ finishedAt }) => (finishedAt ? relative(finishedAt) : '') },
]
