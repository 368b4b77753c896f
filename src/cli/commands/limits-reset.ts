/** `errand limits reset` */
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'

export async function run(invocation: Invocation, [name = '']: string[]): Promise<number> {
  await (await invocation.jobs()).limits.reset(name)
  invocation.out.say(`Limit "${name}" follows the code again, from the next job that is enqueued.`)

  return exitCodes.ok
}
