import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as passed } from 'node:timers/promises'
import type { JobState } from '../../src/job.ts'
import { SqliteStore } from '../../src/store/sqlite/sqlite.ts'
import { Scene } from './scene.ts'

const from = ['--from', 'sqlite:jobs.db']
const to = ['--to', 'sqlite:new.db']

function enqueued(scene: Scene): string[] {
  return ['Ada', 'Grace'].map((name) => scene.errand(['call', 'greet', `"${name}"`, '-q']).stdout.trim())
}

async function states(scene: Scene, file: string): Promise<JobState[]> {
  const store = new SqliteStore({ path: join(scene.folder, file) })
  const { jobs } = await store.find({})
  await store.close()
  return jobs.map(({ state }) => state)
}

/** Another process is at it, and tells nobody. */
async function until(scene: Scene, file: string, is: (states: JobState[]) => boolean): Promise<void> {
  while (!is(await states(scene, file))) await passed(20)
}

/** A scene with one job that runs and does not end, under a worker of the first store. */
async function aRunningJob(): Promise<Scene> {
  const scene = new Scene({ 'tasks.ts': endless })
  scene.errand(['call', 'wait'])
  scene.start(['worker'])
  await until(scene, 'jobs.db', (all) => all.includes('running'))
  return scene
}

const endless = `import { Errand } from 'errand'
export const errand = new Errand({ store: 'sqlite:jobs.db' })
errand.task('wait', () => new Promise(() => {}))`

test('it carries what is there, says how much, and a worker there goes on', async () => {
  const scene = new Scene()
  enqueued(scene)

  const { code, stdout, stderr } = scene.errand(['move', ...from, ...to, '-o', 'json'])

  assert.equal(code, 0)
  assert.deepEqual((JSON.parse(stdout) as { ready: number }[])[0]!.ready, 2)
  assert.match(stderr, /2 jobs and 0 schedules moved/)
  assert.deepEqual(await states(scene, 'jobs.db'), [])
  scene.errand(['worker', '--burst', '--store', 'sqlite:new.db'])
  assert.deepEqual(await states(scene, 'new.db'), ['succeeded', 'succeeded'])
})

test('with --dry-run it only counts', async () => {
  const scene = new Scene()
  enqueued(scene)

  const { code, stdout } = scene.errand(['move', ...from, ...to, '--dry-run', '-o', 'json'])

  assert.equal(code, 0)
  assert.deepEqual(JSON.parse(stdout), [{ running: 0, waiting: 2, final: 0, schedules: 0 }])
  assert.deepEqual(await states(scene, 'jobs.db'), ['ready', 'ready'])
})

test('what runs is waited for as long as asked, and then named', async () => {
  const scene = await aRunningJob()

  const { code, stderr } = scene.errand(['move', ...from, ...to, '--wait', '0s'])

  assert.equal(code, 6)
  assert.match(stderr, /Left in sqlite:jobs\.db: 1 running, 0 waiting, 0 ended/)
})

test('with --follow it carries what comes later, until it is interrupted', async () => {
  const scene = new Scene()
  enqueued(scene)
  const mover = scene.start(['move', ...from, ...to, '--follow'])
  await until(scene, 'jobs.db', (all) => all.length === 0)

  scene.errand(['call', 'greet', '"Alan"'])
  await until(scene, 'jobs.db', (all) => all.length === 0)
  mover.signal('SIGINT')

  assert.equal((await mover.ended).code, 0)
  assert.deepEqual(await states(scene, 'new.db'), ['ready', 'ready', 'ready'])
})

test('source and destination must be two, and both must be shared', () => {
  const scene = new Scene()
  enqueued(scene)

  const same = scene.errand(['move', ...from, '--to', 'sqlite:./jobs.db'])
  const memory = scene.errand(['move', ...from, '--to', 'memory:'])
  const missing = scene.errand(['move', '--from', 'sqlite:nowhere.db', ...to])

  assert.deepEqual([same.code, memory.code, missing.code], [2, 2, 3])
  assert.match(same.stderr, /sqlite:jobs\.db and sqlite:\.\/jobs\.db are the same store/)
  assert.match(memory.stderr, /kept in the process that uses it/)
})

test('a move that has not come to its end keeps its destination', async () => {
  const scene = await aRunningJob()
  scene.errand(['move', ...from, ...to, '--wait', '0s'])

  const elsewhere = scene.errand(['move', ...from, '--to', 'sqlite:other.db'])
  const back = scene.errand(['move', '--from', 'sqlite:other.db', '--to', 'sqlite:jobs.db'])

  assert.deepEqual([elsewhere.code, back.code], [2, 2])
  assert.match(elsewhere.stderr, /is being moved to sqlite:new\.db already/)
  assert.match(back.stderr, /is itself being moved, to sqlite:new\.db/)

  const off = scene.errand(['move', ...from, ...to, '--call-off'])
  assert.equal(scene.errand(['move', ...from, ...to, '--call-off']).code, 2)
  assert.match(off.stderr, /The move has ended here, with 0 last jobs moved and 1 job left/)
  assert.equal(scene.errand(['move', '--from', 'sqlite:other.db', '--to', 'sqlite:jobs.db', '--wait', '0s']).code, 0)
})
