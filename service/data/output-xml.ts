/**
 * XML: `<data>` with an `<item>` for each record and in it an element for each field.
 *
 * - A field whose name is a legal element name is that element; any other is `<field name="first name">`.
 * - Null is an empty element with `nil="true"`; lists hold an `<item>` for each value, objects an element for each
 *   field, one level deeper.
 * - All text is escaped, and characters that XML 1.0 does not know become U+FFFD.
 */
import { textOf } from './record.ts'
import type { DataRecord, JsonValue } from './record.ts'

export async function* xmlOfRecords(records: AsyncIterable<DataRecord>): AsyncGenerator<string> {
  let opening = '<data>\n'
  for await (const record of records) {
    yield opening + xmlOfRecord(record)
    opening = '\n'
  }
  yield opening === '\n' ? '\n</data>' : '<data></data>'
}

/** An analysis or an aggregate: its fields directly under `<data>`, by the same rules. */
export function xmlOfResult(result: object): string {
  return container('data', fieldLines(result as DataRecord, '  '), '')
}

function xmlOfRecord(record: DataRecord): string {
  return container('item', fieldLines(record, '    '), '  ')
}

function fieldLines(fields: DataRecord, indent: string): string[] {
  return Object.keys(fields).map((field) => element(tagOf(field), fields[field]!, indent))
}

function element(tag: string, value: JsonValue, indent: string): string {
  if (value === null) return `${indent}<${tag} nil="true"/>`
  if (Array.isArray(value)) {
    const items = value.map((item) => element('item', item, `${indent}  `))
    return container(tag, items, indent)
  }
  if (typeof value === 'object') return container(tag, fieldLines(value, `${indent}  `), indent)

  return `${indent}<${tag}>${escaped(textOf(value))}</${nameOf(tag)}>`
}

function container(tag: string, lines: readonly string[], indent: string): string {
  if (lines.length === 0) return `${indent}<${tag}></${nameOf(tag)}>`

  return [`${indent}<${tag}>`, ...lines, `${indent}</${nameOf(tag)}>`].join('\n')
}

function nameOf(tag: string): string {
  const end = tag.indexOf(' ')

  return end === -1 ? tag : tag.slice(0, end)
}

// Letters that every edition of XML 1.0 allows in names, as older readers keep to the older tables. No colon, which
// would be a namespace, and nothing that begins with "xml", which is reserved.
const letter = 'A-Za-z_\\u00C0-\\u00D6\\u00D8-\\u00F6\\u00F8-\\u00FF'
const legalName = new RegExp(`^(?![xX][mM][lL])[${letter}][${letter}0-9.-]*$`)

function tagOf(field: string): string {
  return legalName.test(field) ? field : `field name="${escaped(field).replace(/[\t\n]/g, characterReference)}"`
}

// A parser turns a bare carriage return into a line feed, so it goes by number.
const special = /[&<>"'\r]/g
const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }
// eslint-disable-next-line no-control-regex
const illegal = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g

function escaped(text: string): string {
  return text
    .toWellFormed()
    .replace(illegal, '\uFFFD')
    .replace(special, (character) => entities[character] ?? characterReference(character))
}

function characterReference(character: string): string {
  return `&#${character.charCodeAt(0)};`
}
