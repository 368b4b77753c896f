import assert from 'node:assert/strict'
import type { Assignment, Parent } from '../assignment.ts'
import { startChild } from '../child.ts'
import { loadSide } from '../sides/side.ts'
import { monotonicMs } from '../work.ts'
import { counting } from './drain.ts'
import { Tally } from './tally.ts'
import { countedBy, firstNote } from './together.ts'

/**
 * Jobs a second of several workers on a full store, each a process of its own: from the moment they
 * are let go together until all have stopped and so recorded what they ran.
 */
export async function drainBy(assignment: Assignment): Promise<number> {
  const { jobs, workers = 1 } = assignment
  const crew = Array.from({ length: workers }, () => startChild({ ...assignment, stage: 'crew' }))
  await Promise.all(crew.map(firstNote))

  const startedAt = monotonicMs()
  for (const worker of crew) worker.tell()
  // Whoever answers before it is told to has failed, or ends by itself when nothing is left.
  await Promise.race([countedBy(crew, jobs), ...crew.map(({ answer }) => answer)])
  for (const worker of crew) worker.tell()
  const counts = await Promise.all(crew.map(({ answer }) => answer))
  const tookMs = monotonicMs() - startedAt

  await Promise.all(crew.map(({ ended }) => ended))
  assert.equal(sum(counts), jobs, 'The workers did not run as many jobs as there were')

  return jobs / (tookMs / 1000)
}

/** One of the workers: starts at the first word, stops at the second, and answers how many jobs it has run. */
export async function crew({ side, store, loaded }: Assignment, parent: Parent): Promise<number> {
  const client = await (await loadSide(side)).open({ store, loaded })
  const tally = new Tally()
  const worker = client.worker(counting(tally, loaded))
  const started = parent.word()
  parent.note(0)
  await started

  const stopped = parent.word()
  const notes = setInterval(() => parent.note(tally.count), 5)
  await worker.start()
  await stopped
  clearInterval(notes)
  await worker.stop()

  // Closing is not part of the figure: the process ends without it.
  return tally.count
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
