/** `errand queues pause` */
import { checkQueue } from '../../options.ts'
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'
import { warnOfUnusedQueue } from '../unused-queue.ts'

export async function run(invocation: Invocation, [name = '']: string[]): Promise<number> {
  checkQueue(name, 'the queue')
  const errand = await invocation.jobs()

  await warnOfUnusedQueue(errand, name, invocation.out)
  await errand.queue(name).pause()
  invocation.out.say(
    `Queue "${name}" is paused: it takes jobs and hands out none. Go on with: errand queues resume ${name}`,
  )

  return exitCodes.ok
}
