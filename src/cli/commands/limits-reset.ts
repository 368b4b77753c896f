/** `errand limits reset` */
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'

export async function run(invocation: Invocation, [name = '']: string[]): Promise<number> {
  const { out } = invocation
  const { limits } = await invocation.jobs()
  const [first] = (await limits.list({ prefix: name, limit: 1 })).limits
  const known = first?.name === name ? first : undefined
  await limits.reset(name)
  if (known?.pinned) out.say(`Limit "${name}" follows the code again, from the next job that is enqueued.`)
  else if (known) out.say(`Limit "${name}" was not set by hand: it follows the code already.`)
  else out.warn(`No limit here is named "${name}", so none was reset.`)

  return exitCodes.ok
}
