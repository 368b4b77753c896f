/** `errand limits set` */
import type { NewLimit } from '../../client/limits.ts'
import type { RateValue } from '../../task/rate.ts'
import { exitCodes, UsageError } from '../failures.ts'
import type { Invocation } from '../invocation.ts'
import type { SetOptions } from '../program-limits.ts'
import { wholeNumber } from '../queues-option.ts'

export async function run(invocation: Invocation, [name = '']: string[], options: SetOptions): Promise<number> {
  const limit = limitOf(options)
  const { limits } = await invocation.jobs()

  const [known] = (await limits.list({ prefix: name, limit: 1 })).limits
  await limits.set(name, limit)
  if (known?.name !== name) invocation.out.warn(`No job here names the limit "${name}" yet.`)
  invocation.out.say(
    `Limit "${name}" is set, whatever the code says. Let the code's value hold again with: errand limits reset ${name}`,
  )

  return exitCodes.ok
}

function limitOf({ concurrency, rate }: SetOptions): NewLimit {
  if (concurrency === undefined && rate === undefined) {
    throw new UsageError('Say what it is to be: --concurrency 3, --rate 10/m, or both.')
  }
  return {
    ...(concurrency !== undefined && { concurrency: wholeNumber(concurrency, '--concurrency') }),
    ...(rate !== undefined && { rate: rate as RateValue }),
  }
}
