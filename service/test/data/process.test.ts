import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { InvalidUploadError } from '../../data/errors.ts'
import type { Progress } from '../../data/paced.ts'
import { processData, processingTypes } from '../../data/process.ts'
import type { DataRecord } from '../../data/record.ts'
import { sampleSource, uploadSource } from '../../data/sources.ts'
import { outputFormats } from '../../data/write-result.ts'
import { folderFor, streamOf } from './scene.ts'

const cleanJson = { processingType: 'clean', outputFormat: 'json' } as const

test('the envelope carries a small result, and the file holds the same', async (t) => {
  const outputPath = join(await folderFor(t), 'result')
  const filters = { active: true }
  const result = await processData({ ...cleanJson, records: sampleSource('users'), filters, outputPath })
  const file = await readFile(outputPath, 'utf8')

  assert.deepEqual(result, {
    status: 'completed',
    processing_type: 'clean',
    output_format: 'json',
    records_processed: 2,
    data: file,
    bytes: Buffer.byteLength(file),
    sha256: createHash('sha256').update(file).digest('hex'),
  })
  assert.deepEqual(
    JSON.parse(file).map((user: DataRecord) => user['name']),
    ['Alice', 'Charlie'],
  )
})

test('results up to the bound are inline, and one byte more is in the file only', async (t) => {
  const folder = await folderFor(t)
  const run = (inlineBytes: number) =>
    processData({ ...cleanJson, records: sampleSource('users'), outputPath: join(folder, 'out'), inlineBytes })
  const { bytes } = await run(0)

  assert.ok('data' in (await run(bytes)))
  assert.ok(!('data' in (await run(bytes - 1))))
})

test('every kind of processing has every format, with records and without', async (t) => {
  const folder = await folderFor(t)
  const empty = { json: '[]', csv: '', xml: '<data></data>' }
  for (const processingType of processingTypes) {
    for (const outputFormat of outputFormats) {
      const outputPath = join(folder, `${processingType}.${outputFormat}`)
      const full = await processData({ records: sampleSource('orders'), processingType, outputFormat, outputPath })
      const none = await processData({ records: streamOf([]), processingType, outputFormat, outputPath })
      const listed = processingType === 'clean' || processingType === 'transform'

      assert.deepEqual([full.records_processed, none.records_processed], listed ? [3, 0] : [1, 1])
      assert.ok(full.bytes > 0)
      if (listed) assert.equal(none.data, empty[outputFormat])
      else assert.match(none.data!, /error.*No data to a/s)
    }
  }
})

test('columns that come late fill up the rows before them, also across many batches', async (t) => {
  const outputPath = join(await folderFor(t), 'out.csv')
  const records = Array.from({ length: 5_000 }, (_, n) => (n % 1_000 === 999 ? { n, [`x${n}`]: '=1' } : { n }))
  await processData({ ...cleanJson, outputFormat: 'csv', records: streamOf<DataRecord>(records), outputPath })
  const lines = (await readFile(outputPath, 'utf8')).trimEnd().split('\r\n')

  assert.equal(lines.length, 5_001)
  assert.equal(lines[0], 'n,x999,x1999,x2999,x3999,x4999')
  assert.deepEqual([lines[1], lines[1000], lines[5000]], ['0,,,,,', "999,'=1,,,,", "4999,,,,,'=1"])
})

test('progress rises to the whole, in records and as a fraction', async (t) => {
  const folder = await folderFor(t)
  const path = join(folder, 'in.csv')
  await writeFile(path, 'a,b\n' + '1,2\n'.repeat(10_000))
  const reports: Progress[] = []
  const records = await uploadSource(path)
  await processData({
    ...cleanJson,
    records,
    outputPath: join(folder, 'out'),
    onProgress: (progress) => reports.push(progress),
    progressEveryMs: 0,
  })

  assert.deepEqual(reports.at(-1), { recordsRead: 10_000, fraction: 1 })
  assert.ok(reports.some(({ fraction = 0 }) => fraction > 0 && fraction < 1))
  assert.deepEqual(
    reports,
    reports.toSorted((a, b) => a.recordsRead - b.recordsRead),
  )
})

test('an aborted run rejects with the reason and leaves no file behind', async (t) => {
  for (const outputFormat of outputFormats) {
    const folder = await folderFor(t)
    const stop = new AbortController()
    const reason = new Error('enough')
    async function* endless() {
      for (let n = 0; ; n += 1) {
        if (n === 5_000) stop.abort(reason)
        yield { n, text: 'x'.repeat(50) }
      }
    }
    const run = processData({
      ...cleanJson,
      outputFormat,
      records: endless(),
      outputPath: join(folder, 'out'),
      signal: stop.signal,
    })

    await assert.rejects(run, (error) => error === reason)
    assert.deepEqual(await readdir(folder), [])
  }
})

test('a run aborted before it starts reads nothing', async (t) => {
  const folder = await folderFor(t)
  async function* untouched(): AsyncGenerator<DataRecord> {
    yield assert.fail('was read')
  }
  const run = processData({
    ...cleanJson,
    records: untouched(),
    outputPath: join(folder, 'out'),
    signal: AbortSignal.abort(),
  })

  await assert.rejects(run, { name: 'AbortError' })
})

test('a failure is wrapped, keeps its cause, and leaves the earlier result as it was', async (t) => {
  const folder = await folderFor(t)
  const outputPath = join(folder, 'out')
  const path = join(folder, 'in.ndjson')
  await writeFile(path, '{"a":1}\n'.repeat(20_000) + '{"a":')
  await writeFile(outputPath, 'earlier')
  const run = processData({ ...cleanJson, records: await uploadSource(path), outputPath })

  await assert.rejects(run, (error: Error & { code: string; retryable: boolean }) => {
    assert.equal(error.message, `Data processing failed: ${(error.cause as Error).message}`)
    assert.match(error.message, /Line 20001 is not valid JSON/)
    assert.ok(error.cause instanceof InvalidUploadError)
    assert.deepEqual([error.code, error.retryable], ['DATA_PROCESSING_FAILED', false])
    return true
  })
  assert.equal(await readFile(outputPath, 'utf8'), 'earlier')
  assert.deepEqual((await readdir(folder)).sort(), ['in.ndjson', 'out'])
})

test('a failure of the disk may be tried again, one of the request may not', async (t) => {
  const folder = await folderFor(t)
  const taken = join(folder, 'taken')
  await mkdir(join(taken, 'inside'), { recursive: true })
  const run = (options: object) =>
    processData({ ...cleanJson, records: sampleSource('users'), outputPath: taken, ...options })

  await assert.rejects(run({}), { code: 'DATA_PROCESSING_FAILED', retryable: true })
  await assert.rejects(run({ processingType: 'melt' }), { retryable: false, message: /Unknown processing type "melt"/ })
  await assert.rejects(run({ outputFormat: 'pdf' }), { retryable: false, message: /Unknown output format "pdf"/ })
  await assert.rejects(run({ filters: [] }), { retryable: false, message: /Expected `filters`/ })
  assert.deepEqual(await readdir(folder), ['taken'])
})

test('the source is closed when the writing fails', async (t) => {
  let closed = false
  async function* source() {
    try {
      for (;;) yield { text: 'x'.repeat(1_000) }
    } finally {
      closed = true
    }
  }
  const outputPath = join(await folderFor(t), 'missing', 'out')

  await assert.rejects(processData({ ...cleanJson, outputFormat: 'csv', records: source(), outputPath }))
  assert.ok(closed)
})

test('other work gets its turn while records stream from memory', async (t) => {
  const outputPath = join(await folderFor(t), 'out')
  let turns = 0
  let turnsWhileReading = 0
  let running = true
  const beat = () => {
    turns += 1
    if (running) setImmediate(beat)
  }
  async function* records() {
    beat()
    for (let n = 0; n < 50_000; n += 1) yield { n }
    turnsWhileReading = turns
    running = false
  }
  await processData({ processingType: 'aggregate', outputFormat: 'json', records: records(), outputPath })

  assert.ok(turnsWhileReading > 1, `${turnsWhileReading} turns`)
})
