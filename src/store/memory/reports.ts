/** What running jobs say of themselves: progress, log lines, step results, each fenced by its claim. */
import type { IncarnationId, Report, ReportAnswer } from '../store.ts'
import type { Data } from './data.ts'
import { fenced } from './settle.ts'

export function report(data: Data, incarnation: IncarnationId, said: Report): ReportAnswer {
  const life = data.incarnations.get(incarnation)
  const entry = life && fenced(life, said.claim)
  if (!entry) return 'stale'

  if (said.kind === 'step') {
    entry.steps ??= new Map()
    // The first result of a step is the one that later attempts rely on.
    if (entry.steps.has(said.name)) return 'duplicate'
    entry.steps.set(said.name, said.result)
  } else if (said.kind === 'progress') {
    entry.progress = said.progress
    data.news.tell('progress', entry, { progress: said.progress })
  } else {
    entry.log.push(said.line)
    data.news.tell('log', entry, { line: said.line })
  }
  return 'written'
}
