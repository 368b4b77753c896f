/** `errand queues purge` */
import { bulkColumns } from '../act-on-jobs.ts'
import { confirm } from '../confirm.ts'
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'
import type { PurgeOptions } from '../program-queues.ts'
import { count } from '../unserved.ts'

export async function run(invocation: Invocation, [name = '']: string[], options: PurgeOptions): Promise<number> {
  const { out } = invocation
  const queue = (await invocation.jobs()).queue(name)
  const { matched } = await queue.purge({ dryRun: true })

  if (options.dryRun || matched === 0) {
    out.say(matched === 0 ? `Nothing waits in queue "${name}".` : `This would cancel ${count(matched, 'waiting job')}.`)
    out.rows([{ matched, done: 0 }], bulkColumns)
    return exitCodes.ok
  }
  if (!(await confirm(`This will cancel ${count(matched, 'waiting job')} of queue "${name}". Go on?`, invocation))) {
    return exitCodes.error
  }
  const answer = await queue.purge()
  out.say(`${count(answer.done, 'job')} cancelled.`)
  out.rows([answer], bulkColumns)

  return exitCodes.ok
}
