import type { Report } from '../store.ts'
import { numberIn } from './decode.ts'

/** What a running job says of itself, as the SQL function takes it. */
export function reportSpec(report: Report): object {
  const { claim, kind } = report
  const fence = { kind, id: claim.id, no: numberIn(claim), claim: claim.claim }

  if (report.kind === 'step') return { ...fence, name: report.name, result: report.result }
  if (report.kind === 'progress') return { ...fence, progress: JSON.stringify(report.progress) }
  return { ...fence, line: JSON.stringify(report.line) }
}
