import assert from 'node:assert/strict'
import { join } from 'node:path'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { neutralised } from '../../data/neutralise.ts'
import { jsonOfRecords } from '../../data/output-json.ts'
import { xmlOfRecords } from '../../data/output-xml.ts'
import { textOf as cellOf } from '../../data/record.ts'
import type { DataRecord, JsonValue } from '../../data/record.ts'
import { ResultFiles } from '../../data/result-file.ts'
import { writeAggregate, writeAnalysis, writeRecords } from '../../data/write-result.ts'
import { anyRecords, anyText, folderFor, streamOf, textOf } from './scene.ts'
import { parseXml } from './strict-xml.ts'
import type { XmlElement } from './strict-xml.ts'

async function csvOf(folder: string, records: DataRecord[], formulas: 'keep' | 'neutralise' = 'keep'): Promise<string> {
  const files = new ResultFiles(join(folder, 'out.csv'), 0)
  const file = await writeRecords(streamOf(records), 'csv', { formulas, signal: undefined }, files)
  await file.commit()
  await files.discard()

  return readFile(join(folder, 'out.csv'), 'utf8')
}

test('JSON written in pieces is the JSON of the whole', async () => {
  await fc.assert(
    fc.asyncProperty(anyRecords, async (records) => {
      assert.equal(await textOf(jsonOfRecords(streamOf(records))), JSON.stringify(records, null, 2))
    }),
  )
})

test('CSV has the union of all columns, CRLF, and nothing at all for no records', async (t) => {
  const folder = await folderFor(t)

  assert.equal(
    await csvOf(folder, [{ a: 1 }, { b: 'x,y' }, { a: [1], c: null }]),
    'a,b,c\r\n1,,\r\n,"x,y",\r\n[1],,\r\n',
  )
  assert.equal(await csvOf(folder, []), '')
  assert.equal(await csvOf(folder, [{}, {}]), '')
  assert.equal(await csvOf(folder, [{}, { a: null }]), 'a\r\n""\r\n""\r\n')
})

test('CSV comes back from an independent reader cell by cell', async (t) => {
  const folder = await folderFor(t)
  await fc.assert(
    fc.asyncProperty(anyRecords, async (records) => {
      const columns = [...new Set(records.flatMap((record) => Object.keys(record)))]
      const expected = records.map((record) =>
        columns.map((name) => (Object.hasOwn(record, name) ? cellOf(record[name]!) : '')),
      )
      const rows = parse(await csvOf(folder, records), { record_delimiter: '\r\n', max_record_size: 0 })

      assert.deepEqual(rows, columns.length === 0 ? [] : wellFormed([columns, ...expected]))
    }),
  )
})

/** What UTF-8 can carry: a lone half of a surrogate pair becomes U+FFFD on its way into a file. */
function wellFormed(rows: readonly string[][]): string[][] {
  return rows.map((row) => row.map((cell) => cell.toWellFormed()))
}

test('no CSV cell begins a formula, whichever separator the spreadsheet splits at', async (t) => {
  const folder = await folderFor(t)
  await fc.assert(
    fc.asyncProperty(fc.array(anyText, { minLength: 1, maxLength: 4 }), async (cells) => {
      const text = await csvOf(
        folder,
        [Object.fromEntries(cells.map((cell, index) => [`c${index}`, cell]))],
        'neutralise',
      )
      for (const delimiter of [',', ';', '\t']) {
        const body = text.slice(text.indexOf('\r\n') + 2)
        const rows: string[][] =
          delimiter === ',' ? parse(body) : body.split(/[\r\n]/).map((line) => line.split(delimiter))
        for (const cell of rows.flat()) {
          assert.doesNotMatch(cell, delimiter === ',' ? /^[=+\-@\t\r]/ : /^"*[=+\-@]/)
        }
      }
    }),
  )
})

test('formulas are neutralised, numbers and keeping on request are not', async (t) => {
  const folder = await folderFor(t)

  assert.equal(neutralised('=cmd()'), "'=cmd()")
  assert.equal(neutralised('x;"=1'), 'x;"\'=1')
  assert.equal(neutralised('a-b@c+d=e'), 'a-b@c+d=e')
  assert.equal(await csvOf(folder, [{ '=h': -1.5 }, { '=h': '-1' }], 'neutralise'), "'=h\r\n-1.5\r\n'-1\r\n")
  assert.equal(await csvOf(folder, [{ x: '=1' }], 'keep'), 'x\r\n=1\r\n')
})

test('XML is laid out by items and fields', async () => {
  const records: DataRecord[] = [{ id: 1, 'first name': 'A & <B>', tags: ['x', null], more: { '1a': true }, none: [] }]

  assert.equal(
    await textOf(xmlOfRecords(streamOf(records))),
    [
      '<data>',
      '  <item>',
      '    <id>1</id>',
      '    <field name="first name">A &amp; &lt;B&gt;</field>',
      '    <tags>',
      '      <item>x</item>',
      '      <item nil="true"/>',
      '    </tags>',
      '    <more>',
      '      <field name="1a">true</field>',
      '    </more>',
      '    <none></none>',
      '  </item>',
      '</data>',
    ].join('\n'),
  )
  assert.equal(await textOf(xmlOfRecords(streamOf([]))), '<data></data>')
  assert.match(await textOf(xmlOfRecords(streamOf([{ XmlId: 1 }]))), /<field name="XmlId">1<\/field>/)
})

test('XML comes back from a strict reader with every name and text', async () => {
  await fc.assert(
    fc.asyncProperty(anyRecords, async (records) => {
      const root = parseXml(await textOf(xmlOfRecords(streamOf(records))))

      assert.equal(root.name, 'data')
      assert.deepEqual(root.children.map(readBack), records.map(carried))
    }),
    { numRuns: 300 },
  )
})

/** What our layout says of an element, as name and content pairs. */
function readBack(element: XmlElement): unknown {
  if (element.attributes.get('nil') === 'true') return null
  if (element.children.length === 0) return element.text

  return element.children.map((child) => [child.attributes.get('name') ?? child.name, readBack(child)])
}

/** What XML can carry of a value, in the same form. */
function carried(value: JsonValue): unknown {
  if (value === null) return null
  if (typeof value !== 'object') return xmlText(String(value))
  const pairs = Array.isArray(value)
    ? value.map((item) => ['item', carried(item)])
    : Object.entries(value).map(([field, inner]) => [xmlText(field), carried(inner)])

  return pairs.length === 0 ? '' : pairs
}

function xmlText(text: string): string {
  const legal = (code: number) =>
    code === 9 || code === 10 || code === 13 || (code >= 32 && code < 0xfffe) || code > 0xffff

  return Array.from(text.toWellFormed(), (one) => (legal(one.codePointAt(0)!) ? one : '\uFFFD')).join('')
}

test('analyses and aggregates have a form in CSV and in XML', async (t) => {
  const path = join(await folderFor(t), 'out')
  const files = new ResultFiles(path, 10_000)
  const entry = { type: 'number', unique_values: 2, unique_values_at_least: true, null_count: 1 } as const
  const analysis = { total_records: 3, fields: ['=a', 'empty'], field_types: { '=a': entry } }
  const aggregate = { total_count: 3, groups: { by_status: { 'a b': 3 } }, numeric_aggregates: {} }
  const text = async (file: ReturnType<typeof writeAnalysis>) => (await (await file).commit()).text

  assert.equal(
    await text(writeAnalysis(analysis, 'csv', 'neutralise', files)),
    'field,type,unique_values,unique_values_at_least,null_count,total_records\r\n' + "'=a,number,2,true,1,3\r\n",
  )
  assert.equal(
    await text(writeAggregate(aggregate, 'csv', 'neutralise', files)),
    'group,name,figure,value\r\ntotal,,count,3\r\nby_status,a b,count,3\r\n',
  )
  assert.equal(
    await text(writeAnalysis({ error: 'No data to analyze' }, 'csv', 'keep', files)),
    'error\r\nNo data to analyze\r\n',
  )
  assert.deepEqual(readBack(parseXml((await text(writeAggregate(aggregate, 'xml', 'keep', files)))!)), [
    ['total_count', '3'],
    ['groups', [['by_status', [['a b', '3']]]]],
    ['numeric_aggregates', ''],
  ])
})
