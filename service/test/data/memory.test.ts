import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measure } from './large-csv.ts'

const rows = 200_000

for (const [processingType, outputFormat] of [
  ['clean', 'csv'],
  ['transform', 'xml'],
  ['analyze', 'json'],
] as const) {
  test(`${rows} rows are processed in under 300 MB, with progress and a free event loop: ${processingType} to ${outputFormat}`, async (t) => {
    const measured = await measure(rows, processingType, outputFormat)
    t.diagnostic(JSON.stringify(measured))

    assert.equal(measured.rows, rows)
    assert.ok(measured.peakRssMb < 300, `${measured.peakRssMb} MB`)
    assert.ok(measured.heldMsMax < 20, `${measured.heldMsMax} ms`)
    assert.deepEqual(measured.lastReport, { recordsRead: rows, fraction: 1 })
    assert.ok(measured.reports > 1)
  })
}
