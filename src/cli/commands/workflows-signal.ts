/** `errand workflows signal` */
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'
import { inputOf } from '../values.ts'

export async function run(invocation: Invocation, [id = '', name = '', ...value]: string[]): Promise<number> {
  const { out } = invocation
  const given = inputOf(value, 'the value of the signal')
  const answer = await (await invocation.jobs()).workflow(id).signal(name, given)

  if (answer === 'released') out.say(`Signal "${name}" is given. See how far it is with: errand workflows show ${id}`)
  else out.say(`Signal "${name}" was given before, or its step has ended. Nothing was done.`)

  return answer === 'released' ? exitCodes.ok : exitCodes.error
}
