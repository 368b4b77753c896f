/** `errand jobs logs` */
import type { LogLine } from '../../client/history.ts'
import { exitCodes } from '../failures.ts'
import { interruptible } from '../interrupts.ts'
import type { Invocation } from '../invocation.ts'
import { follow, logText } from '../job-follower.ts'
import type { Output } from '../output/output.ts'
import { safeJson } from '../output/plain-text.ts'
import type { LogsOptions } from '../program-jobs.ts'

export async function run(invocation: Invocation, [id = '']: string[], options: LogsOptions): Promise<number> {
  const { out } = invocation
  const job = (await invocation.jobs()).job(id)

  // Lines that are still to come cannot close an array, so following gives a line of JSON each for `json` too.
  if (options.follow) await interruptible((signal) => follow(job, { line: (line) => printLine(out, line) }, { signal }))
  else if (out.form === 'json') out.json(await job.log())
  else for (const line of await job.log()) printLine(out, line)

  return exitCodes.ok
}

function printLine(out: Output, line: LogLine): void {
  out.write(out.forPeople ? logText(line, process.stdout) : safeJson(line))
}
