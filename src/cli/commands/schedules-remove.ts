/** `errand schedules remove` */
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'

export async function run(invocation: Invocation, [name = '']: string[]): Promise<number> {
  await (await invocation.jobs()).schedules.remove(name)
  invocation.out.say(
    `Schedule "${name}" is removed. If code declares it, it comes back with the next worker that starts.`,
  )

  return exitCodes.ok
}
