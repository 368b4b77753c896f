/** Analyses and aggregates as CSV. */
import { stringify } from 'csv-stringify/sync'
import type { Aggregate } from './aggregate.ts'
import type { Analysis } from './analyze.ts'
import type { Formulas } from './neutralise.ts'
import { csvCells, csvForm } from './output-csv.ts'
import type { JsonValue } from './record.ts'

/** An analysis as a table: a row for each entry of `field_types`. A field that is null everywhere has none. */
export function csvOfAnalysis(analysis: Analysis, formulas: Formulas): string {
  if ('error' in analysis) return csvTable([['error'], [analysis.error]], formulas)
  const rows = Object.entries(analysis.field_types).map(([field, entry]) => [
    field,
    entry.type,
    entry.unique_values,
    entry.unique_values_at_least ?? false,
    entry.null_count,
    analysis.total_records,
  ])
  const header = ['field', 'type', 'unique_values', 'unique_values_at_least', 'null_count', 'total_records']

  return csvTable([header, ...rows], formulas)
}

/** An aggregate as a long table: one figure in each row. */
export function csvOfAggregate(aggregate: Aggregate, formulas: Formulas): string {
  if ('error' in aggregate) return csvTable([['error'], [aggregate.error]], formulas)
  const statuses = Object.entries(aggregate.groups.by_status ?? {})
  const numbers = Object.entries(aggregate.numeric_aggregates ?? {})

  return csvTable(
    [
      ['group', 'name', 'figure', 'value'],
      ['total', null, 'count', aggregate.total_count],
      ...statuses.map(([status, count]) => ['by_status', status, 'count', count]),
      ...numbers.flatMap(([field, figures]) =>
        Object.entries(figures).map(([figure, value]) => ['numeric', field, figure, value]),
      ),
    ],
    formulas,
  )
}

function csvTable(rows: readonly JsonValue[][], formulas: Formulas): string {
  return stringify(
    rows.map((row) => csvCells(row, formulas)),
    csvForm,
  )
}
