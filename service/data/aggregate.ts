/** Aggregate: how many records there are, by status, and the sums of the numbers in them. */
import { InvalidUploadError } from './errors.ts'
import { fieldOf, textOf } from './record.ts'
import type { DataRecord, JsonValue } from './record.ts'

/** Statuses and fields stand in the order in which they were first met. */
export type Aggregate =
  | { readonly error: string }
  | {
      readonly total_count: number
      /** `by_status` is there when any record has a `status`; those without one, or with null, count as "unknown". */
      readonly groups: { by_status?: { [status: string]: number } }
      /**
       * There when any field is numeric: all its values are numbers, apart from null. Booleans are no numbers, texts
       * neither, and ids (`id`, `user_id`, `userId`) are names.
       */
      readonly numeric_aggregates?: { [field: string]: NumericAggregate }
    }

type NumericAggregate = {
  readonly sum: number
  readonly avg: number
  readonly min: number
  readonly max: number
  readonly count: number
}

/** A field with more different statuses than this is no status; the further ones count together as "(other)". */
export const mostGroups = 1_000
const mostFields = 10_000
const longestGroupName = 200

export async function aggregateRecords(records: AsyncIterable<DataRecord>): Promise<Aggregate> {
  const statuses = new GroupCount()
  const fields = new Map<string, NumberTally | 'not numeric'>()
  let total = 0
  for await (const record of records) {
    total += 1
    statuses.see(fieldOf(record, 'status'))
    for (const field of Object.keys(record)) tally(fields, field, record[field]!)
  }
  if (total === 0) return { error: 'No data to aggregate' }
  const numbers = [...fields].flatMap(([field, tally]) => (tally === 'not numeric' ? [] : [[field, tally.aggregate()]]))

  return {
    total_count: total,
    groups: statuses.met ? { by_status: statuses.counts() } : {},
    ...(numbers.length > 0 ? { numeric_aggregates: Object.fromEntries(numbers) } : {}),
  }
}

function isIdField(field: string): boolean {
  return /(?:^|[_\s-])id$/i.test(field) || /[a-z0-9]Id$/.test(field)
}

/** One value that is no number, wherever it stands, makes the field no numeric one. */
function tally(fields: Map<string, NumberTally | 'not numeric'>, field: string, value: JsonValue): void {
  const known = fields.get(field)
  if (value === null || known === 'not numeric') return
  if (known !== undefined) return typeof value === 'number' ? known.add(value) : void fields.set(field, 'not numeric')
  if (fields.size === mostFields) {
    throw new InvalidUploadError(`The records have more than ${mostFields} different fields, the most to aggregate.`)
  }
  fields.set(field, typeof value === 'number' && !isIdField(field) ? new NumberTally(value) : 'not numeric')
}

class GroupCount {
  readonly #counts = new Map<string, number>()
  /** Whether any record had the field at all. */
  met = false

  see(value: JsonValue | undefined): void {
    if (value !== undefined) this.met = true
    const name = value === undefined || value === null ? 'unknown' : shortened(textOf(value))
    const group = this.#counts.has(name) || this.#counts.size < mostGroups ? name : '(other)'
    this.#counts.set(group, (this.#counts.get(group) ?? 0) + 1)
  }

  counts(): { [status: string]: number } {
    return Object.fromEntries(this.#counts)
  }
}

function shortened(name: string): string {
  return name.length <= longestGroupName ? name : `${name.slice(0, longestGroupName)}…`
}

/** Adds with a running compensation (Neumaier), so that a million prices do not gather a million rounding errors. */
class NumberTally {
  #sum: number
  #lost = 0
  #count = 1
  #min: number
  #max: number

  constructor(first: number) {
    this.#sum = first
    this.#min = first
    this.#max = first
  }

  add(value: number): void {
    const sum = this.#sum + value
    this.#lost += Math.abs(this.#sum) >= Math.abs(value) ? this.#sum - sum + value : value - sum + this.#sum
    this.#sum = sum
    this.#count += 1
    if (value < this.#min) this.#min = value
    if (value > this.#max) this.#max = value
  }

  aggregate(): NumericAggregate {
    const sum = Number.isFinite(this.#sum) ? this.#sum + this.#lost : this.#sum

    return { sum, avg: sum / this.#count, min: this.#min, max: this.#max, count: this.#count }
  }
}
