import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Disk } from '../../src/store/sqlite/disk.ts'
import { aFolder } from './sqlite-files.ts'

test('a sync that failed is never made good by a later one, for nobody knows what reached the disk', async (t) => {
  const path = join(aFolder(t), 'store.db')
  const disk = new Disk(path)
  t.after(() => disk.close())

  const failed = disk.sync()
  const waiting = disk.sync()
  await assert.rejects(failed, { code: 'ENOENT' })
  writeFileSync(`${path}-wal`, 'there now')

  await assert.rejects(waiting, { code: 'ENOENT' })
  await assert.rejects(disk.sync(), { code: 'ENOENT' })
})

test('what was not synced when the disk was let go is not called safe', async (t) => {
  const path = join(aFolder(t), 'store.db')
  writeFileSync(`${path}-wal`, 'frames')
  const disk = new Disk(path)

  const begun = disk.sync()
  const waiting = disk.sync()
  disk.close()

  await begun
  await assert.rejects(waiting, { code: 'STORE_CLOSED' })
  await assert.rejects(disk.sync(), { code: 'STORE_CLOSED' })
})
