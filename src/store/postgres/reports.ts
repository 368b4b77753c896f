/** What running jobs say of themselves. */
import { StoreBusyError, UnknownOutcomeError } from '../../errors.ts'
import type { IncarnationId, Report, ReportAnswer } from '../store.ts'
import { numberIn } from './decode.ts'
import { raised } from './statements.ts'
import type { TurnParts } from './turn.ts'

const text = 'select errand.report($1, $2, $3, $4, $5) as answers'

/** Sent again behind the gate where it met somebody there. */
export async function report(
  parts: TurnParts,
  incarnation: IncarnationId,
  reports: readonly Report[],
): Promise<ReportAnswer[]> {
  const { statements, lives, clock } = parts
  const { epoch = null, silenceMs } = lives.get(incarnation)
  const specs = JSON.stringify(reports.map(reportSpec))
  const send = (enter: boolean) =>
    statements.one<{ answers: ReportAnswer[] }>(text, [incarnation, epoch, clock().now, enter, specs], { silenceMs })

  try {
    const { answers } = await send(false).catch((error: unknown) => {
      if (error instanceof StoreBusyError) return send(true)
      throw error
    })
    return answers
  } catch (error) {
    throw raised(error) === 'ER003' ? new UnknownOutcomeError('a report', [], error) : error
  }
}

/** As the SQL functions take it. */
function reportSpec(said: Report): object {
  const { claim, kind } = said
  const fence = { kind, id: claim.id, no: numberIn(claim), claim: claim.claim }

  if (said.kind === 'step') return { ...fence, name: said.name, result: said.result }
  if (said.kind === 'progress') return { ...fence, progress: JSON.stringify(said.progress) }
  return { ...fence, line: JSON.stringify(said.line) }
}
