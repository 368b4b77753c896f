/** Analyze: which fields there are, of which kind, how varied and how complete. Memory does not grow with the records. */
import { createHash } from 'node:crypto'
import { fieldOf, kindOf, textOf } from './record.ts'
import type { DataRecord, JsonValue, ValueKind } from './record.ts'

/**
 * The fields are those of the first record. A field that is null in every record is listed but has no entry in
 * `field_types`. The type is that of the first value that is not null; a missing field counts as null.
 */
export type Analysis =
  | { readonly error: string }
  | {
      readonly total_records: number
      readonly fields: string[]
      readonly field_types: { [field: string]: FieldAnalysis }
    }

type FieldAnalysis = {
  readonly type: Exclude<ValueKind, 'null'>
  /** Different values by their text, so `1` and `"1"` are one. */
  readonly unique_values: number
  /** Present, and true, where counting stopped at its bound: there are at least `unique_values`, perhaps more. */
  readonly unique_values_at_least?: true
  readonly null_count: number
}

export interface AnalyzeOptions {
  /** Values remembered to count the different ones, shared evenly by the fields. @default 200_000 */
  readonly rememberedValues?: number
}

const analyzeDefaults = { rememberedValues: 200_000 } as const

export async function analyzeRecords(
  records: AsyncIterable<DataRecord>,
  options: AnalyzeOptions = {},
): Promise<Analysis> {
  let fields: FieldTally[] | undefined
  let total = 0
  for await (const record of records) {
    fields ??= talliesFor(record, options.rememberedValues ?? analyzeDefaults.rememberedValues)
    total += 1
    for (const field of fields) field.see(fieldOf(record, field.name) ?? null)
  }

  return fields === undefined ? { error: 'No data to analyze' } : analysisOf(fields, total)
}

function talliesFor(first: DataRecord, rememberedValues: number): FieldTally[] {
  const names = Object.keys(first)
  const bound = Math.max(1, Math.floor(rememberedValues / names.length))

  return names.map((name) => new FieldTally(name, bound))
}

function analysisOf(fields: readonly FieldTally[], total: number): Analysis {
  const entries = fields.flatMap((field) => {
    const analysis = field.analysis(total)
    return analysis === undefined ? [] : [[field.name, analysis] as const]
  })

  return {
    total_records: total,
    fields: fields.map((field) => field.name),
    field_types: Object.fromEntries(entries),
  }
}

class FieldTally {
  readonly name: string
  readonly #bound: number
  readonly #unique = new Set<string>()
  #type: FieldAnalysis['type'] | undefined
  #filled = 0
  #overflowed = false

  constructor(name: string, bound: number) {
    this.name = name
    this.#bound = bound
  }

  see(value: JsonValue): void {
    if (value === null) return
    this.#type ??= kindOf(value) as FieldAnalysis['type']
    this.#filled += 1
    if (this.#overflowed) return
    const mark = markOf(textOf(value))
    if (this.#unique.size < this.#bound) this.#unique.add(mark)
    else this.#overflowed = !this.#unique.has(mark)
  }

  analysis(total: number): FieldAnalysis | undefined {
    if (this.#type === undefined) return undefined

    return {
      type: this.#type,
      unique_values: this.#unique.size,
      ...(this.#overflowed ? { unique_values_at_least: true as const } : {}),
      null_count: total - this.#filled,
    }
  }
}

/** Long texts are remembered by their digest, so that what is kept has a bound in bytes too. */
function markOf(text: string): string {
  return text.length <= 64 ? text : createHash('sha256').update(text).digest('base64')
}
