/** The table of what was tried, for people. */
import type { LaneResult, Row } from './lane.ts'

const columns: readonly { readonly title: string; readonly of: (row: Row) => string }[] = [
  { title: 'times', of: ({ times }) => String(times) },
  { title: 'acknowledged', of: ({ acknowledged }) => String(acknowledged) },
  { title: 'lost', of: ({ lost }) => String(lost) },
  { title: 'doubled', of: ({ doubled }) => String(doubled) },
  { title: 'run again', of: ({ repeated }) => String(repeated) },
  { title: 'late', of: ({ late }) => String(late) },
  {
    title: 'recovery p99',
    of: ({ recoveryP99Ms }) => (recoveryP99Ms === 0 ? '-' : `${(recoveryP99Ms / 1000).toFixed(1)} s`),
  },
  { title: 'verdict', of: ({ broken }) => (broken.length === 0 ? 'kept' : 'BROKEN') },
]

export function table(results: readonly LaneResult[]): string {
  const rows = results.map((result) => ('skipped' in result ? ['SKIPPED'] : columns.map(({ of }) => of(result))))
  const all = [columns.map(({ title }) => title), ...rows]
  const widths = columns.map((_, column) =>
    Math.max(...all.filter((cells) => cells.length > 1).map((cells) => cells[column]!.length)),
  )
  const names = ['fault', ...results.map(({ fault }) => fault)]
  const nameWidth = Math.max(...names.map((name) => name.length))

  const lines = all.map((cells, index) =>
    [names[index]!.padEnd(nameWidth), ...cells.map((cell, column) => cell.padStart(widths[column]!))].join('  '),
  )
  return [...lines, ...results.flatMap(remarks)].join('\n')
}

function remarks(result: LaneResult): string[] {
  if ('skipped' in result) return [`\n${result.fault} was SKIPPED: ${result.skipped}.`]
  const note = result.note === undefined ? [] : [`${result.fault}: ${result.note}.`]

  return [...note, ...result.broken.map((what) => `${result.fault}: BROKEN: ${what}.`)].map((line) => `\n${line}`)
}
