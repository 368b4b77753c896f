import type { Errand } from '../errand.ts'
import { nearest } from '../nearest.ts'
import type { Output } from './output/output.ts'

/** A queue may be paused before its first job, but more often its name was mistyped. */
export async function warnOfUnusedQueue(errand: Errand<any>, name: string, out: Output): Promise<void> {
  const used = (await errand.queues()).map((queue) => queue.name)
  if (used.includes(name)) return
  const near = nearest(name, used)

  out.warn(`No job has been in queue "${name}" yet.${near ? ` Did you mean "${near}"?` : ''}`)
}
