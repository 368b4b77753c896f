import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { aggregateRecords, mostGroups } from '../../data/aggregate.ts'
import { analyzeRecords } from '../../data/analyze.ts'
import { cleanRecord, cleanRecords } from '../../data/clean.ts'
import { processData } from '../../data/process.ts'
import { recordFilter } from '../../data/filters.ts'
import type { Filters } from '../../data/filters.ts'
import type { DataRecord } from '../../data/record.ts'
import { sampleSource } from '../../data/sources.ts'
import { transformRecord } from '../../data/transform.ts'
import { all, folderFor, streamOf } from './scene.ts'

function kept(filters: Filters | null | undefined, ...records: DataRecord[]): DataRecord[] {
  return records.filter(recordFilter(filters))
}

test('all filters must hold, and a null matches a missing field', () => {
  const [a, b, c] = [{ x: 1, y: 'k' }, { x: 1, y: null }, { x: 1 }]

  assert.deepEqual(kept({ x: 1, y: 'k' }, a, b, c), [a])
  assert.deepEqual(kept({ y: null }, a, b, c), [b, c])
  assert.deepEqual(kept({}, a), [a])
  assert.deepEqual(kept(null, a), [a])
})

test('values of different kinds are not equal, and lists are equal by their content', () => {
  assert.deepEqual(kept({ x: 1 }, { x: true }, { x: '1' }), [])
  assert.deepEqual(kept({ x: [1, ['a']] }, { x: [1, ['a']] }, { x: [1] }), [{ x: [1, ['a']] }])
})

test('ranges include both ends, count a missing value as 0, and hold no null, boolean or other kind', () => {
  const records = [{ x: 1 }, { x: 3 }, { x: 4 }, { x: null }, { x: true }, { x: '2' }, {}]

  assert.deepEqual(kept({ x: { min: 1, max: 3 } }, ...records), [{ x: 1 }, { x: 3 }])
  assert.deepEqual(kept({ x: { max: 1 } }, ...records), [{ x: 1 }, {}])
  assert.deepEqual(kept({ x: { min: '1' } }, ...records), [{ x: '2' }])
  assert.deepEqual(kept({ x: {} }, ...records), records)
})

test('filters that make no sense are refused', () => {
  for (const filters of [[], 'x', { x: { min: null } }, { x: { max: [1] } }]) {
    assert.throws(() => recordFilter(filters as Filters), { code: 'INVALID_DATA_REQUEST' })
  }
})

test('filters see own fields only', () => {
  assert.deepEqual(kept({ constructor: null, toString: null }, {}), [{}])
})

test('cleaning names fields in lower case with underscores, trims texts, and keeps the rest', async () => {
  const dirty = { 'First Name': '  Ada ', AGE: 36, nested: { ' A ': ' b ' }, none: null }

  assert.deepEqual(await all(cleanRecords(streamOf([dirty]))), [
    { first_name: 'Ada', age: 36, nested: { ' A ': ' b ' }, none: null },
  ])
})

test('where two names become one, the last value is kept', () => {
  assert.deepEqual(cleanRecord({ 'A b': 1, a_b: 2 }), { a_b: 2 })
})

test('no name becomes __proto__ by cleaning', () => {
  assert.throws(() => cleanRecord({ '  Proto  ': 1 }), { code: 'INVALID_UPLOAD', message: /"__proto__"/ })
})

test('an analysis tells fields, kinds, different values and nulls', async () => {
  const records: DataRecord[] = [
    { a: null, b: 1, c: null, d: [1], e: { x: 1 }, f: true },
    { a: 'x', b: '1', d: [1], e: { x: 2 }, extra: 1 },
    { a: 'y', b: 2, c: null },
  ]

  assert.deepEqual(await analyzeRecords(streamOf(records)), {
    total_records: 3,
    fields: ['a', 'b', 'c', 'd', 'e', 'f'],
    field_types: {
      a: { type: 'text', unique_values: 2, null_count: 1 },
      b: { type: 'number', unique_values: 2, null_count: 0 },
      d: { type: 'list', unique_values: 1, null_count: 1 },
      e: { type: 'object', unique_values: 2, null_count: 1 },
      f: { type: 'boolean', unique_values: 1, null_count: 2 },
    },
  })
})

test('different values are counted exactly up to the bound, and beyond it as at least so many', async () => {
  const numbers = (count: number) => streamOf(Array.from({ length: count }, (_, x) => ({ x: x % count })))
  const ofField = async (count: number) => {
    const analysis = await analyzeRecords(numbers(count), { rememberedValues: 10 })
    return 'error' in analysis ? analysis : analysis.field_types['x']
  }

  assert.deepEqual(await ofField(10), { type: 'number', unique_values: 10, null_count: 0 })
  assert.deepEqual(await ofField(11), {
    type: 'number',
    unique_values: 10,
    unique_values_at_least: true,
    null_count: 0,
  })
})

test('a transformed record has an id, a name or title, details and a mark', () => {
  assert.deepEqual(transformRecord({ id: 7, name: '', title: 'T', x: { y: 1 } }), {
    record_id: 7,
    name: 'T',
    details: { x: { y: 1 } },
    processed: true,
  })
  assert.deepEqual(transformRecord({}), { record_id: null, name: null, details: {}, processed: true })
})

test('an aggregate counts statuses and sums numbers, but neither booleans nor ids', async () => {
  assert.deepEqual(await aggregateRecords(sampleSource('orders')), {
    total_count: 3,
    groups: { by_status: { completed: 2, pending: 1 } },
    numeric_aggregates: {
      amount: { sum: 299.97, avg: 299.97 / 3, min: 49.99, max: 149.99, count: 3 },
    },
  })
  assert.deepEqual(await aggregateRecords(sampleSource('users')), { total_count: 3, groups: {} })
})

test('a field is numeric only if all its values are numbers, apart from null', async () => {
  const records = [
    { note: 'late', amount: null, mixed: 1, flag: 1 },
    { note: -2, amount: 2, mixed: 'two', flag: true },
    { note: null, amount: 4, mixed: 3, flag: 1 },
  ]
  const aggregate = await aggregateRecords(streamOf<DataRecord>(records))

  assert.ok(!('error' in aggregate))
  assert.deepEqual(aggregate.numeric_aggregates, { amount: { sum: 6, avg: 3, min: 2, max: 4, count: 2 } })
})

test('a field that is null everywhere is named, and has no entry in any form', async (t) => {
  const records = [{ id: 1, empty: null }, { id: 2 }]
  const folder = await folderFor(t)
  const analyzed = async (outputFormat: 'json' | 'csv' | 'xml') => {
    const outputPath = join(folder, outputFormat)
    return (
      await processData({ records: streamOf<DataRecord>(records), processingType: 'analyze', outputFormat, outputPath })
    ).data!
  }

  const json = JSON.parse(await analyzed('json')) as { fields: string[]; field_types: object }
  assert.deepEqual([json.fields, Object.keys(json.field_types)], [['id', 'empty'], ['id']])
  assert.ok(!(await analyzed('csv')).includes('empty'))
  assert.ok(!(await analyzed('xml')).includes('<empty'))
})

test('records without a status count as unknown where others have one', async () => {
  const records = [{ a: 1 }, { status: 'x' }, { status: null }, { status: '__proto__' }]
  const aggregate = await aggregateRecords(streamOf<DataRecord>(records))

  assert.equal(
    JSON.stringify(aggregate),
    '{"total_count":4,"groups":{"by_status":{"unknown":2,"x":1,"__proto__":1}},' +
      '"numeric_aggregates":{"a":{"sum":1,"avg":1,"min":1,"max":1,"count":1}}}',
  )
})

test('a field with endless statuses takes bounded memory', async () => {
  const records = Array.from({ length: mostGroups + 5 }, (_, n) => ({ status: `s${n}` }))
  const aggregate = await aggregateRecords(streamOf(records))

  assert.ok(!('error' in aggregate))
  assert.equal(aggregate.groups.by_status?.['(other)'], 5)
})

test('a hundred thousand cents make exactly a thousand', async () => {
  function* cents() {
    for (let n = 0; n < 100_000; n += 1) yield { price: 0.01 }
  }
  const aggregate = await aggregateRecords(streamOf(cents()))

  assert.ok(!('error' in aggregate))
  assert.equal(aggregate.numeric_aggregates?.['price']?.sum, 1_000)
})

test('nothing to analyze or aggregate is said in the result', async () => {
  assert.deepEqual(await analyzeRecords(streamOf([])), { error: 'No data to analyze' })
  assert.deepEqual(await aggregateRecords(streamOf([])), { error: 'No data to aggregate' })
})
