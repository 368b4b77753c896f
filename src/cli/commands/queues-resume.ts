/** `errand queues resume` */
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'
import { warnOfUnusedQueue } from '../unused-queue.ts'

export async function run(invocation: Invocation, [name = '']: string[]): Promise<number> {
  const errand = await invocation.jobs()

  await warnOfUnusedQueue(errand, name, invocation.out)
  await errand.queue(name).resume()
  invocation.out.say(`Queue "${name}" hands out jobs again.`)

  return exitCodes.ok
}
