/** Asks before much is done at once. */
import { createInterface } from 'node:readline/promises'
import { codeOf, InterruptedError, UsageError } from './failures.ts'
import { interruptible } from './interrupts.ts'
import type { Invocation } from './invocation.ts'

/** True with `--yes`. @throws UsageError where nobody can be asked */
export async function confirm(question: string, { options, out }: Invocation): Promise<boolean> {
  if (options.yes) return true
  if (!process.stdin.isTTY) throw new UsageError(`${question} Nobody can be asked here: add --yes. Nothing was done.`)

  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await interruptible((signal) => terminal.question(`${question} [y/N] `, { signal }))
    if (/^y(es)?$/i.test(answer.trim())) return true
  } catch (error) {
    // The terminal hands Ctrl-C to the question, not to the process.
    throw codeOf(error) === 'ABORT_ERR' ? new InterruptedError() : error
  } finally {
    terminal.close()
  }
  out.tell('Nothing was done.')

  return false
}
