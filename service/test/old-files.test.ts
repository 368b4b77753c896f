import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { removeOldResults, removeUnfinished, resultMs } from '../data/old-files.ts'
import { dataFolders } from '../data/folders.ts'
import { aService, temporaryFolder } from './a-service.ts'

test('results go when their time is over, and half-written ones before a worker starts', async (t) => {
  const folders = dataFolders(temporaryFolder(t))
  const now = Date.now()
  mkdirSync(folders.results)
  for (const [name, age] of [
    ['old.json', resultMs + 1_000],
    ['new.json', resultMs - 1_000],
    ['new.json.x.part', 0],
  ] as const) {
    writeFileSync(join(folders.results, name), 'x')
    utimesSync(join(folders.results, name), new Date(now - age), new Date(now - age))
  }

  await removeUnfinished(folders)
  await removeOldResults(folders, now)

  assert.deepEqual(readdirSync(folders.results), ['new.json'])
})

test('a schedule has old results removed', async (t) => {
  const { dataDir, errand } = await aService(t)
  const { results } = dataFolders(dataDir)
  const old = new Date(Date.now() - resultMs - 60_000)
  writeFileSync(join(results, 'old.json'), 'x')
  utimesSync(join(results, 'old.json'), old, old)

  const job = await errand.schedules.run('data.remove-old-results')
  await job.result({ timeout: '10s' })

  assert.deepEqual(readdirSync(results), [])
})
