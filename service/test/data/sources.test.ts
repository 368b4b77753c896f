import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readCsv } from '../../data/read-csv.ts'
import { readJson } from '../../data/read-json.ts'
import { readNdjson } from '../../data/read-ndjson.ts'
import type { Chunk } from '../../data/read-text.ts'
import type { DataRecord } from '../../data/record.ts'
import { sampleSource } from '../../data/sources.ts'
import { uploadLimits } from '../../data/upload-limits.ts'
import { all, uploaded } from './scene.ts'

test('the samples are three users, three orders, and a message for any other name', async () => {
  const users = await all(sampleSource('users'))
  const orders = await all(sampleSource('orders'))
  const other = await all(sampleSource('__proto__'))

  assert.deepEqual(users[1], { id: 2, name: 'Bob', email: 'bob@example.com', active: false })
  assert.deepEqual(orders[2], { id: 3, user_id: 1, amount: 149.99, status: 'completed' })
  assert.deepEqual([users.length, orders.length], [3, 3])
  assert.deepEqual(other, [{ message: 'Sample data from __proto__' }])
})

test('CSV cells become numbers, booleans, nulls and texts', async (t) => {
  const records = await uploaded(t, 'a,b,c,d\r\n1,-2.50,TRUE,\r\n 3 , false ,x y, kept \r\n1e-05,0.1,2E+3,0\r\n')

  assert.deepEqual(records, [
    { a: 1, b: -2.5, c: true, d: null },
    { a: 3, b: false, c: 'x y', d: ' kept ' },
    { a: 0.00001, b: 0.1, c: 2000, d: 0 },
  ])
})

test('CSV cells that a number would change stay text', async (t) => {
  const kept = [
    '007',
    '+33612345678',
    '12E4',
    '12345678901234567890',
    '1.000000000000000001',
    '1,5',
    '.5',
    '5.',
    '0x1f',
    '1e+999',
  ]
  const records = await uploaded(t, ['a', ...kept.map((cell) => `"${cell}"`)].join('\n'))

  assert.deepEqual(
    records.map((record) => record['a']),
    kept,
  )
})

test('a byte order mark, mixed line ends, quotes, blank lines and a missing last line end are read', async (t) => {
  const records = await uploaded(t, '\uFEFFid,note\r\n1,"two\r\nlines, ""quoted"""\n\n2,x')

  assert.deepEqual(records, [
    { id: 1, note: 'two\r\nlines, "quoted"' },
    { id: 2, note: 'x' },
  ])
})

test('semicolons and tabs separate where the header says so', async (t) => {
  assert.deepEqual(await uploaded(t, 'a;b\n1,5;2\n'), [{ a: '1,5', b: 2 }])
  assert.deepEqual(await uploaded(t, '"a;x"\tb\n1\t2\n'), [{ 'a;x': 1, b: 2 }])
})

test('short rows are filled with nulls and long ones bring columns of their own', async (t) => {
  const records = await uploaded(t, 'a,b\n1\n2,3,4,,\n5,6\n')

  assert.deepEqual(records, [
    { a: 1, b: null },
    { a: 2, b: 3, column_3: 4 },
    { a: 5, b: 6, column_3: null },
  ])
})

test('blank and repeated column names are told apart', async (t) => {
  assert.deepEqual(await uploaded(t, 'a,,a\n1,2,3\n'), [{ a: 1, column_2: 2, a_2: 3 }])
})

test('JSON is an array of objects, an object, or objects in a row', async (t) => {
  assert.deepEqual(await uploaded(t, '\uFEFF [\n {"a": 1}, {"a": {"b": [null]}}\n]\n\n'), [
    { a: 1 },
    { a: { b: [null] } },
  ])
  assert.deepEqual(await uploaded(t, '{\n "a": 1\n}\n'), [{ a: 1 }])
  assert.deepEqual(await uploaded(t, '{\n "a": 1\n}\n{"a": 2}'), [{ a: 1 }, { a: 2 }])
  assert.deepEqual(await uploaded(t, '[]'), [])
})

test('NDJSON is an object on each line, with any line ends', async (t) => {
  assert.deepEqual(await uploaded(t, '{"a":1}\r\n\r\n{"a":2}\n{"a":3}'), [{ a: 1 }, { a: 2 }, { a: 3 }])
})

test('whole numbers beyond what a double holds stay text, digit for digit', async (t) => {
  const expected = [{ id: '1234567890123456789', near: 9007199254740991 }]

  assert.deepEqual(
    await uploaded(t, '{"id":1234567890123456789,"near":9007199254740991}\n{}').then((all) => all.slice(0, 1)),
    expected,
  )
  assert.deepEqual(await uploaded(t, '[{"id":1234567890123456789,"near":9007199254740991}]'), expected)
  assert.deepEqual(await uploaded(t, 'id,near\n1234567890123456789,9007199254740991'), expected)
})

test('an empty file holds no records', async (t) => {
  assert.deepEqual(await uploaded(t, ''), [])
  assert.deepEqual(await uploaded(t, '\uFEFF\r\n'), [])
  assert.deepEqual(await uploaded(t, 'a,b\n'), [])
})

test('a CSV that begins with a bracket is a CSV', async (t) => {
  assert.deepEqual(await uploaded(t, '[id],[name]\n1,x\n'), [{ '[id]': 1, '[name]': 'x' }])
})

test('broken files are refused with the line or the record', async (t) => {
  const cases: [string | Uint8Array, RegExp][] = [
    ['a,b\n1,"open\n2,3\n', /^Line \d is not valid CSV: a quote is opened before it/],
    ['a,b\n1,2\n3,"x"y\n', /^Line 3 is not valid CSV: .*closing quote/],
    ['a,b\n1,2\n3,x"y\n', /^Line 3 is not valid CSV: .*middle of an unquoted cell/],
    ['{"a":1}\n\n{"a":\n', /^Line 3 is not valid JSON/],
    ['{"a":1}\n[1]\n', /^Line 2 is a list; expected an object/],
    ['[{"a":1},{"a":2},}]', /^The JSON is not valid at or after record 3/],
    ['[{"a":1},{"a":2}', /^The JSON is not valid at or after record 3/],
    ['[{"a":1}] x', /^The JSON is not valid at or after record 2/],
    ['[{"a":1},7]', /^Record 2 is a number/],
    ['{"a":1', /^The JSON is not valid at or after record 1/],
    ['{"__proto__":{"a":1}}\n{}', /^Line 1 has a field named "__proto__"/],
    ['[{"x":{"__proto__":1}}]', /^Record 1 has a field named "__proto__"/],
    ['a,__proto__\n1,2', /^The header has a field named "__proto__"/],
    [Buffer.from('a\ncaf\xe9\nx', 'latin1'), /^The file is not UTF-8 text between the bytes 0 and 8/],
    [Buffer.from('a\nx\xc3', 'latin1'), /^The file is not UTF-8 text at its end/],
    [Buffer.from('PK\x03\x04zip'), /^The file is a zip file or an office document/],
    [Buffer.from('\ufeffa,b', 'utf16le'), /^The file is UTF-16 text/],
    [Buffer.from('a\0b'), /^The file is binary data/],
  ]
  for (const [content, message] of cases) {
    await assert.rejects(uploaded(t, content), { code: 'INVALID_UPLOAD', message }, String(content))
  }
})

test('a file named .json that holds none is refused', async (t) => {
  await assert.rejects(uploaded(t, 'a,b\n1,2', { name: 'x.JSON' }), { code: 'INVALID_UPLOAD' })

  assert.deepEqual(await uploaded(t, '{"a":1}', { name: 'x.csv' }), [{ a: 1 }])
})

test('columns, cells, records and depth are capped, and the cap itself is allowed', async (t) => {
  const limits = { columns: 2, cellBytes: 9, recordBytes: 100, depth: 3 }
  const good = ['a,b\n1,éééé1\n', '[{"a":[{"b":"éééé1"}]}]', '{"a":1,"b":2}\n{"a":[[]]}']
  const bad: [string, RegExp][] = [
    ['a,b,c\n', /^The header has 3 fields; at most 2/],
    ['a\n1,2,3\n', /^Record 1 has 3 fields/],
    ['a\n1\néééééé\n', /^Record 2 has a value of 12 bytes; at most 9/],
    [`a\n"${'x'.repeat(200)}`, /^Line 2 is not valid CSV: the record is too long/],
    ['{"a":1}\n{"a":1,"b":2,"c":3}', /^Line 2 has 3 fields/],
    ['[{"a":[[[]]]}]', /^Record 1 is nested deeper than 3 levels/],
    ['{"a":1}\n{"0123456789":1}', /^Line 2 has a value of 10 bytes/],
    [`{"a":1}\n{"a":"${'x'.repeat(200)}"}`, /^Line 2 is longer than 100 bytes/],
  ]

  for (const content of good) assert.ok((await uploaded(t, content, { limits })).length > 0)
  for (const [content, message] of bad) await assert.rejects(uploaded(t, content, { limits }), { message }, content)
})

test('a record that never ends is refused before it fills the memory', async () => {
  async function* endless(first: string, filling: string): AsyncGenerator<Chunk> {
    const chunk = (text: string) => ({ text, bytes: Buffer.from(text) })
    yield chunk(first)
    for (;;) yield chunk(filling.repeat(65536 / filling.length))
  }

  await assert.rejects(all(readCsv(endless('a,b\n', ','), uploadLimits)), { code: 'INVALID_UPLOAD' })
  await assert.rejects(all(readCsv(endless('a,b\n"', 'x'), uploadLimits)), { code: 'INVALID_UPLOAD' })
  await assert.rejects(all(readJson(endless('[{"a":1},{"b":', '['), uploadLimits)), { code: 'INVALID_UPLOAD' })
  await assert.rejects(all(readJson(endless('[{"b":"', 'x'), uploadLimits)), { code: 'INVALID_UPLOAD' })
  await assert.rejects(all(readNdjson(endless('{}\n{"b":"', 'x'), uploadLimits)), { code: 'INVALID_UPLOAD' })
})

test('records do not depend on where the file is cut into chunks', async () => {
  const csv = 'id;näme\r\n1;"a\r\nb;""c"""\r\n2;😀\r\n'
  const json = '[{"id": 1e2, "näme": "😀\\n"}, {"id": [1, {"x": null}]}]'
  const ndjson = '{"id":1,"näme":"😀"}\r\n{"id":2}\r\n'
  const readers: [string, (chunks: AsyncIterable<Chunk>) => AsyncIterable<DataRecord>][] = [
    [csv, (chunks) => readCsv(chunks, uploadLimits)],
    [json, (chunks) => readJson(chunks, uploadLimits)],
    [ndjson, (chunks) => readNdjson(chunks, uploadLimits)],
  ]
  for (const [content, read] of readers) {
    const whole = await all(read(cut(content, [])))
    assert.equal(whole.length, 2)
    // The header has to be in the first chunk for the delimiter to be told; files come in chunks of 64 KiB.
    const place = fc.integer({ min: 8, max: Buffer.byteLength(content) })
    await fc.assert(
      fc.asyncProperty(fc.array(place, { maxLength: 6 }), async (places) => {
        assert.deepEqual(await all(read(cut(content, places))), whole)
      }),
    )
  }
})

async function* cut(content: string, places: readonly number[]): AsyncGenerator<Chunk> {
  const bytes = Buffer.from(content)
  const decoder = new TextDecoder()
  const borders = [0, ...places.toSorted((a, b) => a - b), bytes.length]
  for (const [index, from] of borders.slice(0, -1).entries()) {
    const piece = bytes.subarray(from, borders[index + 1])
    yield { bytes: piece, text: decoder.decode(piece, { stream: true }) }
  }
}

test('no content reaches the prototypes', async (t) => {
  const before = Object.getOwnPropertyNames(Object.prototype)
  const records = await uploaded(t, 'constructor,prototype,toString,hasOwnProperty\n1,2,3,4\n')
  await uploaded(t, '{"constructor":{"prototype":{"polluted":1}}}\n{"a":1}')
  await uploaded(t, '[{"constructor":{"prototype":{"polluted":1}}}]')

  assert.deepEqual(Object.entries(records[0]!), [
    ['constructor', 1],
    ['prototype', 2],
    ['toString', 3],
    ['hasOwnProperty', 4],
  ])
  assert.deepEqual(Object.getOwnPropertyNames(Object.prototype), before)
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
})
