/** `errand schedules resume` */
import { exitCodes } from '../failures.ts'
import type { Invocation } from '../invocation.ts'
import { tickText } from '../output/times.ts'

export async function run(invocation: Invocation, [name = '']: string[]): Promise<number> {
  const { schedules } = await invocation.jobs()
  await schedules.resume(name)
  const { next: due } = await schedules.get(name)
  const [next] = await schedules.next(name, 1)
  const missed = due !== null && next?.getTime() !== due.getTime()
  invocation.out.say(
    `Schedule "${name}" ticks again${next ? `, next ${tickText(next)}` : ', but has no ticks to come'}.` +
      (missed ? ' Ticks that fell into its pause are treated as missed.' : ''),
  )

  return exitCodes.ok
}
