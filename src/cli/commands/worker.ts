/** `errand worker` */
import type { Invocation } from '../invocation.ts'
import type { WorkerCommandOptions } from '../program-working.ts'
import { isSupervised } from '../watch/child.ts'
import { runWorker, workerOptionsOf } from '../run-worker.ts'

export async function run(invocation: Invocation, _: string[], options: WorkerCommandOptions): Promise<number> {
  const workerOptions = workerOptionsOf(options)
  if (options.watch && !isSupervised()) {
    const { supervise } = await import('../watch/supervise.ts')
    return supervise(invocation.out, { keys: false })
  }

  return runWorker(invocation, workerOptions)
}
