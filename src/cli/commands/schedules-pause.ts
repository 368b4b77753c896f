/** `errand schedules pause` */
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'

export async function run(invocation: Invocation, [name = '']: string[]): Promise<number> {
  await (await invocation.jobs()).schedules.pause(name)
  invocation.out.say(`Schedule "${name}" is paused. Go on with: errand schedules resume ${name}`)

  return exitCodes.ok
}
