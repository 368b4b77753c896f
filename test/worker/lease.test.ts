import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualEnv } from '../../src/testing/manual-env.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { Lease } from '../../src/worker/lease.ts'

const leaseMs = 9000

async function until(env: ManualEnv, isSo: () => boolean): Promise<number> {
  const from = env.monotonic()
  while (!isSo()) await env.advance(10)

  return env.monotonic() - from
}

test('a worker that hears nothing tells its runs before any store could give their jobs away', async () => {
  const env = new ManualEnv()
  const store = new MemoryStore({ env })
  const turn = { settled: [], givenBack: [], room: [] }
  const worker = { name: 'w', host: 'h', pid: 1, queues: ['q'], tasks: ['t'], slots: 1, leaseMs }
  let lost = false
  const lease = new Lease(env, leaseMs, { look: () => {}, lost: () => (lost = true) })
  const incarnation = await store.join(worker)
  lease.renewed(env.monotonic())

  // A turn so soon after another that the store has no cause to write the lease.
  await env.advance(leaseMs / 3 - 1)
  lease.renewed(env.monotonic())
  await store.turn({ incarnation, ...turn })
  const [{ leaseLeftMs } = { leaseLeftMs: 0 }] = await store.workers()
  const toldAfterMs = await until(env, () => lost)

  assert.ok(toldAfterMs < leaseLeftMs, `told after ${toldAfterMs} ms, of ${leaseLeftMs} that were left`)
})

test('its runs are told in time whenever it was renewed last', async () => {
  const env = new ManualEnv()
  let lost = false
  const lease = new Lease(env, leaseMs, { look: () => {}, lost: () => (lost = true) })
  lease.renewed(env.monotonic())

  // So that at the first check next to nothing is left, and is not over.
  await env.advance(1)
  lease.renewed(env.monotonic())
  const toldAfterMs = await until(env, () => lost)

  assert.ok(toldAfterMs < (leaseMs * 2) / 3, `told after ${toldAfterMs} ms, of ${(leaseMs * 2) / 3} that were sure`)
})

test('an answer found at the last look saves the runs', async () => {
  const env = new ManualEnv()
  let lost = false
  const lease = new Lease(env, leaseMs, { look: () => lease.renewed(env.monotonic()), lost: () => (lost = true) })

  lease.renewed(env.monotonic())
  for (let step = 0; step < 100; step++) await env.advance(leaseMs / 10)

  assert.equal(lost, false)
  assert.equal(lease.over, false)
})
