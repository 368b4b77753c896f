/** An empty list may be the answer to a mistyped name. */
import type { Errand } from '../errand.ts'
import { shown } from '../errors/error.ts'
import { nearest } from '../nearest.ts'
import type { Output } from './output/output.ts'

const newestJobs = 500

/** Says of names that neither the app, nor a worker, nor a recent job has, which one may have been meant. */
export async function warnOfUnknownNames(
  errand: Errand<any>,
  { task = [], queue = [] }: { readonly task?: readonly string[]; readonly queue?: readonly string[] },
  out: Output,
): Promise<void> {
  if (task.length + queue.length === 0) return
  const [{ jobs }, queues, workers] = await Promise.all([
    errand.jobs({ limit: newestJobs }),
    errand.queues(),
    errand.workers(),
  ])
  const tasks = [...errand.tasks.map(({ name }) => name), ...workers.flatMap((worker) => worker.tasks)]

  for (const name of task) warn(out, 'task', name, [...tasks, ...jobs.map((job) => job.task)])
  for (const name of queue) warn(out, 'queue', name, [...queues.map(({ name }) => name), ...queuesOf(errand, workers)])
}

function queuesOf(errand: Errand<any>, workers: readonly { readonly queues: readonly string[] }[]): string[] {
  return [...errand.tasks.map(({ queue }) => queue), ...workers.flatMap(({ queues }) => queues)]
}

function warn(out: Output, what: 'task' | 'queue', name: string, known: readonly string[]): void {
  if (known.includes(name)) return
  const near = nearest(name, [...new Set(known)])

  out.warn(`No ${what} ${shown(name)} is known here.${near === undefined ? '' : ` Did you mean "${near}"?`}`)
}
