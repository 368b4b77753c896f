/** `errand queues resume` */
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'

export async function run(invocation: Invocation, [name = '']: string[]): Promise<number> {
  await (await invocation.jobs()).queue(name).resume()
  invocation.out.say(`Queue "${name}" hands out jobs again.`)

  return exitCodes.ok
}
