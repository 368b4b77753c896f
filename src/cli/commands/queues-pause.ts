/** `errand queues pause` */
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'

export async function run(invocation: Invocation, [name = '']: string[]): Promise<number> {
  await (await invocation.jobs()).queue(name).pause()
  invocation.out.say(
    `Queue "${name}" is paused: it takes jobs and hands out none. Go on with: errand queues resume ${name}`,
  )

  return exitCodes.ok
}
