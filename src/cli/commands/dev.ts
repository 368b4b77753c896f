/** `errand dev`: a worker that restarts when the app changes, and says what it found. */
import { styleText } from 'node:util'
import type { LoadedApp } from '../app/load.ts'
import type { Invocation } from '../invocation.ts'
import type { Output } from '../output/output.ts'
import { oneLine } from '../output/plain-text.ts'
import type { WorkerCommandOptions } from '../program-working.ts'
import { runWorker, workerOptionsOf } from '../run-worker.ts'
import { isSupervised } from '../watch/child.ts'
import { version } from '../version.ts'

/** A developer who saves a file waits for the restart. */
const grace = '3s'

export async function run(invocation: Invocation, [file]: string[], options: WorkerCommandOptions): Promise<number> {
  const workerOptions = workerOptionsOf({ grace, ...options })
  if (!isSupervised()) {
    const { supervise } = await import('../watch/supervise.ts')
    return supervise(invocation.out, { keys: process.stdin.isTTY })
  }

  return runWorker(invocation, workerOptions, { file, introduce })
}

function introduce({ errand }: LoadedApp, queues: readonly string[], out: Output): void {
  const lines = [
    ['store', errand.place],
    ['queues', queues.join(', ')],
    ['tasks', errand.tasks.map(({ name, handled }) => (handled ? name : `${name} (declared only)`)).join(', ')],
  ] as const

  out.say(`errand ${version}`, 'bold')
  for (const [title, value] of lines) {
    process.stderr.write(`  ${styleText('dim', title.padEnd(7), { stream: process.stderr })}${oneLine(value)}\n`)
  }
}
