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
      /** There when any field holds numbers. Booleans are no numbers, and ids (`id`, `user_id`, `userId`) are names. */
      readonly numeric_aggregates?: { [field: string]: NumericAggregate }
    }

export type NumericAggregate = {
  readonly sum: number
  readonly avg: number
  readonly min: number
  readonly max: number
  readonly count: number
}

/** A field with more different statuses than this is no status; the further ones count together as "(other)". */
export const mostGroups = 1_000
const mostNumericFields = 10_000
const longestGroupName = 200

export async function aggregateRecords(records: AsyncIterable<DataRecord>): Promise<Aggregate> {
  const statuses = new GroupCount()
  const numbers = new Map<string, NumberTally>()
  let total = 0
  for await (const record of records) {
    total += 1
    statuses.see(fieldOf(record, 'status'))
    for (const field of Object.keys(record)) tallyNumber(numbers, field, record[field]!)
  }
  if (total === 0) return { error: 'No data to aggregate' }

  return {
    total_count: total,
    groups: statuses.met ? { by_status: statuses.counts() } : {},
    ...(numbers.size > 0 ? { numeric_aggregates: numericAggregates(numbers) } : {}),
  }
}

export function isIdField(field: string): boolean {
  return /(?:^|[_\s-])id$/i.test(field) || /[a-z0-9]Id$/.test(field)
}

function tallyNumber(numbers: Map<string, NumberTally>, field: string, value: JsonValue): void {
  if (typeof value !== 'number') return
  const known = numbers.get(field)
  if (known !== undefined) return known.add(value)
  if (isIdField(field)) return
  if (numbers.size === mostNumericFields) {
    throw new InvalidUploadError(`The records have more than ${mostNumericFields} different numeric fields.`)
  }
  numbers.set(field, new NumberTally(value))
}

function numericAggregates(numbers: ReadonlyMap<string, NumberTally>): { [field: string]: NumericAggregate } {
  return Object.fromEntries([...numbers].map(([field, tally]) => [field, tally.aggregate()]))
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
