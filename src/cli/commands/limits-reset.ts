/** `errand limits reset` */
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'

export async function run(invocation: Invocation, [name = '']: string[]): Promise<number> {
  const { limits } = await invocation.jobs()
  const [known] = (await limits.list({ prefix: name, limit: 1 })).limits
  await limits.reset(name)
  if (known?.name !== name) invocation.out.warn(`No limit here is named "${name}".`)
  invocation.out.say(`Limit "${name}" follows the code again, from the next job that is enqueued.`)

  return exitCodes.ok
}
