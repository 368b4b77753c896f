/** What running jobs say of themselves: progress, log lines, step results, each fenced by its claim. */
import type { Report, ReportAnswer } from '../store.ts'
import { lifeOf } from './lives.ts'
import { heldJob } from './settle.ts'
import type { Step } from './step.ts'

export function report(step: Step, incarnation: string, reports: readonly Report[]): ReportAnswer[] {
  const life = lifeOf(step, incarnation)
  return reports.map((said) => (life ? record(step, life.n, said) : 'stale'))
}

function record(step: Step, incarnation: number, said: Report): ReportAnswer {
  const { sql } = step
  const job = heldJob(step, incarnation, said.claim)?.job
  if (!job) return 'stale'

  // The first result of a step is the one that later attempts rely on.
  if (said.kind === 'step')
    return sql.addStep.run(job.seq, said.name, said.result).changes === 0 ? 'duplicate' : 'written'

  if (said.kind === 'progress') sql.putProgress.run(job.seq, JSON.stringify(said.progress))
  else sql.addLog.run(job.seq, JSON.stringify(said.line), job.seq)
  const more = said.kind === 'progress' ? { progress: said.progress } : { line: said.line }
  step.tell(said.kind, job, 'running', job.failures + 1, more)
  return 'written'
}
