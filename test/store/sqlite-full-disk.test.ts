import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { StoreFullError } from '../../src/errors.ts'
import type { SqliteStore } from '../../src/store/sqlite/sqlite.ts'
import type { ClaimedJob } from '../../src/store/store.ts'
import { aJob, aSettlement, aTurn, aWorker, succeeded } from '../../src/testing/conformance/builders.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'
import { aStore } from './sqlite-files.ts'

const mebi = 1 << 20

/** A file system of so many bytes, or undefined where one cannot be made. */
function smallDisk(t: TestContext, megabytes: number): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'errand-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    rmdirSync(folder)
    return undefined
  }
  t.after(() => {
    execFileSync('umount', ['-l', folder])
    rmdirSync(folder)
  })
  return folder
}

function fill(file: string): void {
  for (const piece of [mebi, 4096]) {
    try {
      for (;;) appendFileSync(file, Buffer.alloc(piece))
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'ENOSPC')
    }
  }
}

async function claimSome(store: SqliteStore, incarnation: string, n: number): Promise<readonly ClaimedJob[]> {
  const claimed = await store.turn(aTurn({ incarnation, room: [{ queues: ['default'], jobs: n, bottomUp: 0 }] }))
  assert.ok(!claimed.gone)
  return claimed.claimed
}

/** How many were still accepted. */
async function insertUntilFull(store: SqliteStore): Promise<number> {
  for (let accepted = 0; ; accepted += 100) {
    try {
      await store.insert([Array.from({ length: 100 }, () => aJob({ input: `"${'x'.repeat(500)}"` }))])
    } catch (error) {
      assert.ok(error instanceof StoreFullError)
      return accepted
    }
  }
}

async function drain(store: SqliteStore, incarnation: string): Promise<number> {
  let drained = 0
  for (;;) {
    const claimed = await claimSome(store, incarnation, 200)
    if (claimed.length === 0) return drained
    const settled = claimed.map((claim) => aSettlement(claim, succeeded))
    await store.turn(aTurn({ incarnation, settled, room: [] }))
    drained += claimed.length
  }
}

test('on a full disk jobs are refused and running ones still end; with room again all goes on', async (t) => {
  const disk = smallDisk(t, 24)
  if (!disk) return t.skip('needs root, to mount a small file system')
  const env = new ManualEnv()
  const store = aStore(t, { path: join(disk, 'errand.db'), ballastBytes: 4 * mebi, env })
  const incarnation = await store.join(aWorker({ leaseMs: 600_000 }))
  await store.upkeep()
  for (let call = 0; call < 4; call++)
    await store.insert([Array.from({ length: 250 }, () => aJob({ input: `"${'x'.repeat(500)}"` }))])
  const held = await claimSome(store, incarnation, 300)

  fill(join(disk, 'stranger'))
  const accepted = await insertUntilFull(store)
  const settled = await store.turn(
    aTurn({ incarnation, settled: held.map((claim) => aSettlement(claim, succeeded)), room: [] }),
  )
  const drained = await drain(store, incarnation)
  await assert.rejects(store.insert([[aJob()]]), StoreFullError)

  assert.deepEqual(!settled.gone && settled.stale, [])
  assert.equal(drained, 1000 - 300 + accepted)

  rmSync(join(disk, 'stranger'))
  await env.advance(2_000)
  await store.upkeep()
  assert.deepEqual(await store.insert([[aJob({ id: 'after' })]]), [[{ kind: 'inserted' }]])
  assert.equal(existsSync(`${store.path}-ballast-given`), false)
  await store.close()
  const db = new DatabaseSync(store.path)
  assert.deepEqual({ ...db.prepare('pragma integrity_check').get() }, { integrity_check: 'ok' })
  db.close()
})
