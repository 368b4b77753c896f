/** `errand beat` */
import type { Errand } from '../../errand.ts'
import { exitCodes, InterruptedError } from '../failures.ts'
import { interruptible } from '../interrupts.ts'
import type { Invocation } from '../invocation.ts'
import type { Output } from '../output/output.ts'
import { count } from '../unserved.ts'
import { tellEvents } from '../worker-log.ts'

export async function run(invocation: Invocation): Promise<number> {
  const { out } = invocation
  const { errand } = await invocation.app()
  const flush = tellEvents(errand, out)
  try {
    await interruptible((signal) => beatUntil(signal, errand, out))
  } catch (error) {
    if (!(error instanceof InterruptedError)) throw error
  } finally {
    flush()
  }
  return exitCodes.ok
}

async function beatUntil(signal: AbortSignal, errand: Errand<any>, out: Output): Promise<void> {
  const interrupted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as InterruptedError))
  })
  const beat = errand.beat()
  try {
    await Promise.race([beat.start({ patient: true }), interrupted])
    out.say(`Firing ${count((await errand.schedules.list()).length, 'schedule')} of ${errand.place}. End with Ctrl-C.`)
    await interrupted
  } finally {
    await beat.stop()
  }
}
