import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { versionFinding } from '../../src/cli/commands/doctor.ts'
import { Scene } from './scene.ts'

const findings = (text: string): { subject: string; verdict: string; detail: string }[] => JSON.parse(text)

test('it names versions, the store, workers, and queues that nobody serves', () => {
  const scene = new Scene()
  scene.errand(['call', 'email.send', 'to=ada@example.org'])

  const { code, stdout } = scene.errand(['doctor', '-o', 'json'])
  const bySubject = Object.fromEntries(findings(stdout).map((finding) => [finding.subject, finding]))

  assert.equal(code, 0)
  assert.equal(bySubject['Node']!.verdict, 'good')
  assert.equal(bySubject['SQLite']!.verdict, 'good')
  assert.match(bySubject['store']!.detail, /sqlite:jobs\.db/)
  assert.equal(bySubject['workers']!.verdict, 'warning')
  assert.match(bySubject['queue email']!.detail, /1 job waits there.*errand worker -Q email/)
})

test('a worker that is alive is seen, and its queues count as served', async () => {
  const scene = new Scene()
  const worker = scene.start(['worker', '-n', 'ants'])
  await worker.says('worker started')

  const found = findings(scene.errand(['doctor', '-o', 'json']).stdout)

  assert.match(found.find(({ subject }) => subject === 'workers')!.detail, /1 worker alive, 0 jobs running: ants/)
  assert.deepEqual(
    found.filter(({ subject }) => subject.startsWith('queue')),
    [],
  )
})

test('a worker that was killed is told apart from those that are alive, also where nobody has looked after the store', () => {
  const scene = new Scene({
    'tasks.ts': `
import { Errand } from 'errand'
export const errand = new Errand({ store: 'sqlite:jobs.db' })
errand.task('die', () => process.kill(process.pid, 'SIGKILL'))
`,
    'killed.ts': `
import { errand } from './tasks.ts'
await errand.worker({ name: 'ants', lease: '1s' }).start()
`,
  })
  scene.errand(['call', 'die'])
  scene.errand([], { file: 'killed.ts' })

  let stdout = ''
  do ({ stdout } = scene.errand(['doctor']))
  while (stdout.includes('1 worker alive'))
  const [queue] = JSON.parse(scene.errand(['queues', '-o', 'json']).stdout) as { workers: number }[]

  assert.match(stdout, /workers +warning +None is alive/)
  assert.match(stdout, /silent +warning +1 worker is silent for longer than its lease, with 1 job: ants\./)
  assert.equal(queue!.workers, 0)
})

test('a store that cannot be used is bad, and ends with 3', () => {
  const scene = new Scene({ 'folder/file': '' })

  const { code, stdout } = scene.errand(['doctor', '--store', 'sqlite:folder', '-o', 'jsonl'])

  assert.equal(code, 3)
  assert.match(stdout, /"subject":"store","verdict":"bad"/)
})

test('a store that the app names and nobody has made yet is told, and not made', () => {
  const scene = new Scene()

  const { code, stdout } = scene.errand(['doctor', '-o', 'jsonl'])

  assert.equal(code, 0)
  assert.match(stdout, /"store","verdict":"warning","detail":"There is no store at .*The first process that enqueues/)
  assert.equal(existsSync(join(scene.folder, 'jobs.db')), false)
})

test('a job whose task no worker handles is told, since workers give it back for ever', async () => {
  const scene = new Scene()
  const worker = scene.start(['worker'])
  await worker.says('worker started')
  scene.write(
    'other.ts',
    `import { Errand } from 'errand'
export const errand = new Errand({ store: 'sqlite:jobs.db' })
errand.task('email.sned', async () => {})`,
  )
  scene.errand(['call', 'email.sned', '-A', 'other.ts'])

  const { stdout } = scene.errand(['doctor'])

  assert.match(stdout, /task email\.sned +warning +No worker that is alive handles it, and 1 job of it waits/)
})

test('a version that is too old is bad', () => {
  assert.equal(versionFinding('SQLite', '3.51.2', [3, 51, 3]).verdict, 'bad')
  assert.equal(versionFinding('SQLite', '3.51.3', [3, 51, 3]).verdict, 'good')
  assert.equal(versionFinding('Node', '24.15.0', [24, 15, 0]).verdict, 'good')
  assert.equal(versionFinding('Node', '26.1.0', [24, 15, 0]).verdict, 'good')
  assert.equal(versionFinding('Node', '22.20.0', [24, 15, 0]).verdict, 'bad')
})
