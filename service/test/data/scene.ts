/** What the tests of the data processing share: a folder of their own, files in it, records as streams. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import fc from 'fast-check'
import { isAllowedField } from '../../data/record.ts'
import type { DataRecord, JsonValue } from '../../data/record.ts'
import { uploadSource } from '../../data/sources.ts'
import type { UploadOptions } from '../../data/sources.ts'

export async function folderFor(test: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'errand-data-'))
  test.after(() => rm(folder, { recursive: true, force: true }))

  return folder
}

export async function* streamOf<T>(values: Iterable<T>): AsyncGenerator<T> {
  yield* values
}

export async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const value of values) list.push(value)

  return list
}

export async function textOf(pieces: AsyncIterable<string>): Promise<string> {
  return (await all(pieces)).join('')
}

/** The records of an uploaded file with this content. */
export async function uploaded(
  test: TestContext,
  content: string | Uint8Array,
  options: UploadOptions = {},
): Promise<DataRecord[]> {
  const path = join(await folderFor(test), 'upload')
  await writeFile(path, content)

  return all(await uploadSource(path, options))
}

const nasty = fc.constantFrom(
  '=1+1',
  '-2',
  '@x',
  'a,b',
  'a;=b',
  '"q"',
  'two\nlines',
  'cr\rhere',
  'crlf\r\n=x',
  ']]>',
  '<a>&amp;',
  '-->',
  '\u0000\u0008',
  '\uD800',
  '\uFFFE',
  ' spaced ',
  '007',
  'constructor',
  'toString',
  'first name',
  'xml',
  '',
)

export const anyText = fc.oneof(nasty, fc.string({ unit: 'binary', maxLength: 12 }), fc.string({ maxLength: 8 }))

const anyField = anyText.filter(isAllowedField)

const scalar: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (number === 0 ? 0 : number)),
  anyText,
)

const anyValue: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(anyField, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value

export const anyRecords: fc.Arbitrary<DataRecord[]> = fc.array(
  fc.dictionary(anyField, anyValue, { maxKeys: 5, noNullPrototype: true }),
  { maxLength: 6 },
)
