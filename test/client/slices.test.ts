import assert from 'node:assert/strict'
import { test } from 'node:test'
import { slices } from '../../src/client/inserting.ts'
import { aJob } from '../../src/testing/conformance/builders.ts'

const limits = { jobsPerCall: 200, bytesPerCall: 100_000, idsPerCall: 200, turnsInFlight: 1 }
const jobs = (count: number, waitsFor: number) =>
  Array.from({ length: count }, () => {
    const on = Array.from({ length: waitsFor }, (_, index) => `member-${index}`)
    return aJob(on.length > 0 ? { after: { on, otherwise: 'cancel' } } : {})
  })
const sizes = (count: number, waitsFor: number) =>
  [...slices(jobs(count, waitsFor), limits)].map(({ length }) => length)

test('a call carries as many jobs as the store takes, also where each waits for another', () => {
  assert.deepEqual(
    [sizes(500, 0), sizes(500, 1)],
    [
      [200, 200, 100],
      [200, 200, 100],
    ],
  )
})

test('jobs that wait for hundreds go each by itself, so that the store is not held by all of them at once', () => {
  assert.deepEqual(sizes(4, 250), [1, 1, 1, 1])
})
