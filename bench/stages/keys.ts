/** Many keys, each with a limit that holds nobody back for long: what keeping them costs. */
import type { LimitOptions } from 'errand'
import type { Assignment, LimitKind } from '../assignment.ts'
import { openErrand, runningWorker } from '../sides/errand.ts'
import { type Input, inputs, monotonicMs, slices, work } from '../work.ts'
import { assertSucceeded } from './drain.ts'
import { Tally } from './tally.ts'

/** Puts jobs of so many keys into a store. Measures nothing. */
export async function fillKeys(assignment: Assignment): Promise<number> {
  const { errand, send } = open(assignment, new Tally())
  for (const slice of slices(inputs(assignment.jobs), 1000)) await send.enqueueMany(slice)
  await errand.close()

  return 0
}

/** Jobs a second of one worker, as in a plain drain. */
export async function drainKeys(assignment: Assignment): Promise<number> {
  const { jobs } = assignment
  const tally = new Tally()
  const { errand } = open(assignment, tally)
  await errand.open()
  const worker = runningWorker(errand)
  const drained = tally.more(jobs)

  const startedAt = monotonicMs()
  await worker.start()
  await drained
  await worker.stop()
  const tookMs = monotonicMs() - startedAt

  const succeeded = async () => (await errand.queues()).find(({ name }) => name === 'default')?.states.succeeded ?? 0
  await assertSucceeded({ succeeded }, jobs)
  await errand.close()

  return jobs / (tookMs / 1000)
}

function open({ store, keys = 1, limits = 'none' }: Assignment, tally: Tally) {
  const errand = openErrand(store)
  const send = errand.task<Input, unknown>('send', { queue: 'default', ...limitOf(limits, keys) }, (input) => {
    tally.add()

    return work(input, true, false)
  })

  return { errand, send }
}

function limitOf(limits: LimitKind, keys: number): { limit?: LimitOptions<Input> } {
  const per = ({ number }: Input) => `tenant-${number % keys}`

  switch (limits) {
    case 'none':
      return {}
    case 'concurrency':
      return { limit: { concurrency: 2, per } }
    case 'rate':
      return { limit: { rate: '1000/s', per } }
  }
}
