import { setTimeout as sleep } from 'node:timers/promises'
import type { Errand, Task } from 'errand'
import type { Assignment } from '../assignment.ts'
import { percentile } from '../order.ts'
import { openErrand, runningWorker } from '../sides/errand.ts'
import { anInput, type Input, monotonicMs } from '../work.ts'
import { growth } from './backlog.ts'
import { Tally } from './tally.ts'

const dayMs = 86_400_000

/** Between two of those that are measured one by one. */
const apartMs = 5

/** Leaves schedules in a store that are due long after the measurement. Measures nothing. */
export async function holdSchedules({ store, jobs }: Assignment): Promise<number> {
  const { errand, task } = open(store, () => {})
  const start = Date.now() + 30 * dayMs

  await declare(errand, task, 'held', jobs, (number) => start + number)
  await errand.close()

  return 0
}

/** Microseconds a tick where so many are due at once: from the start of a beat until all their jobs are in the store. */
export async function tickCost({ store, jobs }: Assignment): Promise<number> {
  const { errand, task } = open(store, () => {})
  const dueAt = Date.now() + 5000
  await declare(errand, task, 'due', jobs, () => dueAt)
  await errand.close()
  await sleep(dueAt - Date.now() + 100)

  const other = open(store, () => {}).errand
  await other.open()
  const startedAt = monotonicMs()
  const beat = await other.beat().start()
  while ((await waiting(other)) < jobs) await sleep(2)
  const tookMs = monotonicMs() - startedAt
  await beat.stop()
  await other.close()

  return (tookMs / jobs) * 1000
}

/** Milliseconds from a tick's moment to the first line of its handler, of the latest hundredth the earliest. */
export async function tickLateness({ store, jobs }: Assignment): Promise<number> {
  const late: number[] = []
  await tickOneByOne(store, jobs, (lateMs) => late.push(lateMs))

  return percentile(late, 99)
}

/** MiB by which a worker grows while it ticks. */
export function tickGrowth({ store, jobs }: Assignment): Promise<number> {
  return growth(() => tickOneByOne(store, jobs, () => {}))
}

async function tickOneByOne(store: string, ticks: number, note: (lateMs: number) => void): Promise<void> {
  const tally = new Tally()
  const { errand, task } = open(store, (tick) => {
    note(Date.now() - Date.parse(tick))
    tally.add()
  })
  const ticked = tally.more(ticks)
  const start = Date.now() + 5000
  await declare(errand, task, 'due', ticks, (number) => start + number * apartMs)

  const worker = runningWorker(errand)
  await worker.start()
  await ticked
  await worker.stop()
  await errand.close()
}

function open(store: string, ticked: (tick: string) => void) {
  const errand = openErrand(store)
  const task = errand.task<Input, null>('tick', (_, job) => {
    ticked(String(job.metadata['tick']))

    return null
  })

  return { errand, task }
}

async function declare(
  errand: Errand,
  task: Task<Input, null>,
  name: string,
  count: number,
  at: (number: number) => number,
) {
  for (let number = 0; number < count; number += 1) {
    errand.schedule(`${name}.${number}`, { at: at(number) }, task.with(anInput(number)))
  }
  const beat = await errand.beat().start()
  await beat.stop()
}

async function waiting(errand: Errand): Promise<number> {
  return (await errand.queues()).find(({ name }) => name === 'default')?.states.ready ?? 0
}
