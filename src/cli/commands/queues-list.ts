/** `errand queues`, `errand queues list` */
import type { QueueInfo } from '../../client/queue.ts'
import { jobStates, type JobState } from '../../job.ts'
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'
import type { Column } from '../output/table.ts'
import { stateStyle } from '../state-style.ts'
import { unknownCommand } from '../unknown-command.ts'
import { isAlive } from '../unserved.ts'

type Row = QueueInfo & { readonly workers: number }

const commands = ['list', 'pause', 'resume', 'purge']

export async function run(invocation: Invocation, [unknown]: string[]): Promise<number> {
  if (unknown !== undefined) throw unknownCommand(unknown, commands, 'queues')
  const errand = await invocation.jobs()
  const [queues, workers] = [await errand.queues(), (await errand.workers()).filter(isAlive)]
  const rows = queues
    .map((queue) => ({ ...queue, workers: workers.filter((worker) => worker.queues.includes(queue.name)).length }))
    .toSorted((a, b) => a.name.localeCompare(b.name))

  invocation.out.rows<Row>(rows, columnsFor(rows))
  if (invocation.out.forPeople && rows.length === 0) invocation.out.say('No queue has had a job yet.')

  return exitCodes.ok
}

/** Always shown; the other states only where a job is in one. */
const usual: readonly JobState[] = ['scheduled', 'ready', 'running', 'succeeded', 'failed']

const columnsFor = (rows: readonly Row[]): Column<Row>[] => [
  { title: 'queue', value: ({ name }) => name, flexible: true },
  ...jobStates
    .filter((state) => usual.includes(state) || rows.some(({ states }) => states[state] > 0))
    .map((state) => ({
      title: state,
      value: ({ states }: Row) => states[state],
      style: ({ states }: Row) => (states[state] > 0 ? stateStyle(state) : 'dim'),
    })),
  { title: 'workers', value: ({ workers }) => workers },
  { title: '', value: ({ paused }) => (paused ? 'paused' : ''), style: () => 'yellow' },
]
