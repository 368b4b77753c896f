/** `errand schedules run` */
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'

export async function run(invocation: Invocation, [name = '']: string[]): Promise<number> {
  const { out } = invocation
  const { id, deduplicated } = await (await invocation.jobs()).schedules.run(name)

  out.say(
    deduplicated ? `Its last job is not final yet, so none was added.` : `Schedule "${name}" has enqueued its job.`,
  )
  if (out.forPeople) out.write(id)
  else out.json({ id, deduplicated })
  return exitCodes.ok
}
