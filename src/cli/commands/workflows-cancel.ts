/** `errand workflows cancel` */
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'

export async function run(invocation: Invocation, [id = '']: string[]): Promise<number> {
  const { out } = invocation
  const workflow = (await invocation.jobs()).workflow(id)
  const before = await workflow.graph()
  await workflow.cancel()
  const { state, done, total } = await workflow.graph()

  if (before.done === before.total) out.say(`Workflow ${id} had ended already: ${before.state}.`)
  else out.say(`Workflow ${id} is ${done === total ? state : 'ending'}: ${done} of ${total} steps have ended.`)

  return exitCodes.ok
}
