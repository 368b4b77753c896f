import type { Assignment, Parent } from '../assignment.ts'
import { type Child, startChild } from '../child.ts'
import { loadSide } from '../sides/side.ts'
import { monotonicMs } from '../work.ts'
import { counting } from './drain.ts'
import { fillStore } from './fill.ts'
import { Tally } from './tally.ts'

/** Jobs a second through one producer and two workers, three processes on one store, all at once. */
export async function together(assignment: Assignment): Promise<number> {
  const workers = [1, 2].map(() => startChild({ ...assignment, stage: 'consume' }))
  const producer = startChild({ ...assignment, stage: 'produce' })
  await Promise.all([...workers, producer].map(firstNote))

  const startedAt = monotonicMs()
  producer.tell()
  await Promise.race([countedBy(workers, assignment.jobs), ...workers.map(({ answer }) => answer)])
  const tookMs = monotonicMs() - startedAt

  await producer.answer
  for (const worker of workers) worker.tell()
  await Promise.all(workers.map(({ answer }) => answer))
  await Promise.all([...workers, producer].map(({ ended }) => ended))

  return assignment.jobs / (tookMs / 1000)
}

export async function produce({ side, store, jobs, loaded }: Assignment, parent: Parent): Promise<number> {
  const client = await (await loadSide(side)).open({ store, loaded })
  const told = parent.word()
  parent.note(0)
  await told

  await fillStore(client, jobs, loaded)
  await client.close()

  return jobs
}

export async function consume({ side, store, loaded }: Assignment, parent: Parent): Promise<number> {
  const client = await (await loadSide(side)).open({ store, loaded })
  const tally = new Tally()
  const worker = client.worker(counting(tally, loaded))
  const told = parent.word()
  await worker.start()

  const notes = setInterval(() => parent.note(tally.count), 5)
  parent.note(0)
  await told
  clearInterval(notes)
  await worker.stop()
  await client.close()

  return tally.count
}

export function firstNote(child: Child): Promise<unknown> {
  return Promise.race([new Promise<number>((resolve) => child.onNote(resolve)), child.answer])
}

/** Resolves when the children's last notes, which are their counts, make up this many jobs. */
export function countedBy(workers: readonly Child[], jobs: number): Promise<void> {
  const counts = workers.map(() => 0)

  return new Promise((resolve) => {
    for (const [index, worker] of workers.entries()) {
      worker.onNote((count) => {
        counts[index] = count
        if (counts.reduce((sum, each) => sum + each, 0) >= jobs) resolve()
      })
    }
  })
}
