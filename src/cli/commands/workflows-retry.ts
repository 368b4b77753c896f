/** `errand workflows retry` */
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'

export async function run(invocation: Invocation, [id = '']: string[]): Promise<number> {
  const { out } = invocation
  const workflow = (await invocation.jobs()).workflow(id)
  const { state } = await workflow.graph()
  const answer = await workflow.retry()

  if (answer === 'retried') out.say(`Workflow ${id} goes on. See how far it is with: errand workflows show ${id}`)
  else if (answer === 'not failed')
    out.say(`No step of workflow ${id} has failed or was cancelled: it is ${state}. Nothing was done.`)
  else out.say(`Workflow ${id} has not ended, and no step of it has failed. Nothing was done.`)

  return answer === 'retried' ? exitCodes.ok : exitCodes.error
}
