/** `errand schedules prune` */
import { confirm } from '../confirm.ts'
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'
import type { PruneOptions } from '../program-schedules.ts'
import { count } from '../unserved.ts'

export async function run(invocation: Invocation, _: string[], { dryRun = false }: PruneOptions): Promise<number> {
  const { out } = invocation
  const { schedules } = await invocation.jobs()
  const orphans = await schedules.prune({ dryRun: true })

  if (orphans.length > 0 || !out.forPeople)
    out.rows(
      orphans.map((name) => ({ name })),
      [{ title: 'schedule', value: ({ name }) => name }],
    )
  else out.say('No schedule is an orphan.')
  if (dryRun || orphans.length === 0) return exitCodes.ok
  if (!(await confirm(`This will remove ${count(orphans.length, 'schedule')}. Go on?`, invocation)))
    return exitCodes.error

  await schedules.prune()
  out.say(`${count(orphans.length, 'schedule')} removed.`)
  return exitCodes.ok
}
