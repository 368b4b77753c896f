import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Scene } from './scene.ts'

const stateOf = (scene: Scene, id: string) => JSON.parse(scene.errand(['jobs', 'show', id, '-o', 'json']).stdout).state

/** A task that says when it has begun, and ends when told to or, politely, when its signal is aborted. */
const waiting = `
import { existsSync } from 'node:fs'
import { setInterval } from 'node:timers/promises'
import { Errand } from 'errand'

export const errand = new Errand({ store: 'sqlite:jobs.db' })
errand.task('wait', async (end: string, job) => {
  console.log('waiting')
  for await (const _ of setInterval(10, undefined, { signal: job.signal })) if (existsSync(end)) return 'waited'
})
`

test('--burst ends when nothing is ready, and tells on stderr what became of each job', () => {
  const scene = new Scene()
  scene.errand(['call', 'greet', 'Ada', '--id', 'ada'])
  scene.errand(['call', 'break', 'us', '--id', 'broken'])

  const { code, stdout, stderr } = scene.errand(['worker', '--burst', '-n', 'ants'])

  assert.deepEqual([code, stdout], [0, ''])
  assert.match(stderr, /worker started ants serving default, email/)
  assert.match(stderr, /started +greet ada\n/)
  assert.match(stderr, /succeeded +greet ada \d+ ms\n/)
  assert.match(stderr, /failed +break broken attempt 1, \d+ ms: Fatal: broken by us\n/)
  assert.match(stderr, /worker stopped ants/)
})

test('--quiet leaves only what went wrong; -o jsonl tells programs on stdout', () => {
  const scene = new Scene()
  scene.errand(['call', 'greet', 'Ada', '--id', 'ada'])
  scene.errand(['call', 'break', 'us', '--id', 'broken'])
  const quiet = scene.errand(['worker', '--burst', '-q'])
  scene.errand(['jobs', 'retry', 'broken'])

  const { stdout, stderr } = scene.errand(['worker', '--burst', '-o', 'jsonl'])

  assert.match(quiet.stderr, /^\S+ failed +break broken/)
  assert.doesNotMatch(quiet.stderr, /greet/)
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    events.map(({ event, id }) => [event, id]),
    [
      ['worker started', undefined],
      ['started', 'broken'],
      ['failed', 'broken'],
      ['worker stopped', undefined],
    ],
  )
  assert.equal(stderr, '')
})

test('a retry says how long it waits', () => {
  const scene = new Scene({
    'tasks.ts': `
import { Errand } from 'errand'
export const errand = new Errand({ store: 'sqlite:jobs.db' })
errand.task('flaky', { retry: { attempts: 2, backoff: () => 2000 } }, async () => { throw new Error('not yet') })
`,
  })
  scene.errand(['call', 'flaky', '--id', 'one'])

  const { stderr } = scene.errand(['worker', '--burst'])

  assert.match(stderr, /retrying +flaky one in [\d.]+ s, attempt 1 failed after \d+ ms: Error: not yet/)
})

test('what a task redacts is in no line, not even in an error that quotes it', () => {
  const scene = new Scene({
    'tasks.ts': `
import { Errand, Fatal } from 'errand'
export const errand = new Errand({ store: 'sqlite:jobs.db' })
errand.task('fail', { redact: ['password'] }, async (who: { password: string }) => { throw new Fatal('wrong: ' + who.password) })
errand.task('again', { redact: ['password'] }, async (who: { password: string }) => { throw new Error('wrong: ' + who.password) })
`,
  })
  scene.errand(['call', 'fail', 'password=opensesame'])
  scene.errand(['call', 'again', 'password=opensesame'])

  const { stdout, stderr } = scene.errand(['worker', '--burst', '-v'])

  assert.match(stderr, /failed/)
  assert.match(stderr, /retrying/)
  assert.doesNotMatch(stdout + stderr, /opensesame/)
})

test('only the named queues are served, and the others are warned of', () => {
  const scene = new Scene()
  scene.errand(['call', 'greet', 'Ada', '--id', 'ada'])
  scene.errand(['call', 'email.send', 'to=ada@example.org', '--id', 'mail'])

  const { stderr } = scene.errand(['worker', '--burst', '-Q', 'email:2'])

  assert.match(stderr, /warning: No worker serves queue "default": 1 job waits there.*errand worker -Q default/)
  assert.deepEqual([stateOf(scene, 'mail'), stateOf(scene, 'ada')], ['succeeded', 'ready'])
})

test('a worker that goes on warns too, and names the tasks whose jobs nobody would run', async () => {
  const worker = new Scene().start(['worker', '-Q', 'email'])

  await worker.says(/warning: No worker serves queue "default": jobs of greet, break, login go there/)
})

test('a mistyped queue is pointed out', () => {
  const { stderr } = new Scene().errand(['worker', '--burst', '-Q', 'emial,default'])

  assert.match(stderr, /No task goes to queue "emial".* Did you mean "email"\?/)
})

test('options that cannot be are refused before anything starts', () => {
  const scene = new Scene()
  const wrong = [['-Q', 'email:0'], ['-c', 'many'], ['--grace', 'long'], ['-Q', 'a,a:2'], ['--brust']]

  for (const flags of wrong) {
    const { code, stderr } = scene.errand(['worker', ...flags])
    assert.equal(code, 2, flags.join(' '))
    assert.doesNotMatch(stderr, /worker started/)
  }
})

test('SIGTERM lets running jobs finish and ends with 0 (celery#2700, #6244)', async () => {
  const scene = new Scene({ 'tasks.ts': waiting })
  scene.errand(['call', 'wait', 'end', '--id', 'long'])
  const worker = scene.start(['worker'])
  await worker.says('waiting')

  worker.signal('SIGTERM')
  await worker.says('Stopping')
  scene.write('end', '')

  assert.equal((await worker.ended).code, 0)
  assert.equal(stateOf(scene, 'long'), 'succeeded')
})

test('a second signal gives everything back at once and ends with 130', async () => {
  const scene = new Scene({ 'tasks.ts': waiting })
  scene.errand(['call', 'wait', 'never', '--id', 'long'])
  const worker = scene.start(['worker'])
  await worker.says('waiting')

  worker.signal('SIGINT')
  await worker.says('Stopping')
  worker.signal('SIGINT')

  assert.equal((await worker.ended).code, 130)
  const job = JSON.parse(scene.errand(['jobs', 'show', 'long', '-o', 'json']).stdout)
  assert.deepEqual([job.state, job.attempts], ['ready', []])
})

test('when the grace time is over the job is given back (celery#4354)', async () => {
  const scene = new Scene({ 'tasks.ts': waiting })
  scene.errand(['call', 'wait', 'never', '--id', 'long'])
  const worker = scene.start(['worker', '--grace', '50ms'])
  await worker.says('waiting')

  worker.signal('SIGTERM')

  assert.equal((await worker.ended).code, 0)
  assert.equal(stateOf(scene, 'long'), 'ready')
})

const answering = (answer: string) => `
import { Errand } from 'errand'
import { tell } from './words.ts'
export const errand = new Errand({ store: 'sqlite:jobs.db' })
errand.task('ask', async () => '${answer} ' + tell())
`
const words = (word: string) => `export const tell = () => '${word}'`
const ask = (scene: Scene) => scene.errand(['call', 'ask', '--wait', '-q']).stdout

test('--watch starts again when a file that the app imports changes, and ends with its worker', async () => {
  const scene = new Scene({ 'tasks.ts': answering('one'), 'words.ts': words('first') })
  const worker = scene.start(['worker', '--watch', '-n', 'watched'])
  await worker.says('worker started')
  const before = ask(scene)

  scene.write('words.ts', words('second'))
  await worker.says(/words\.ts changed, starting again[^]*worker stopped[^]*worker started/)
  const afterwards = ask(scene)
  worker.signal('SIGTERM')

  assert.deepEqual([before, afterwards], ['one first\n', 'one second\n'])
  assert.equal((await worker.ended).code, 0)
})

test('--watch survives a broken file and goes on when it is mended', async () => {
  const scene = new Scene({ 'tasks.ts': answering('one'), 'words.ts': 'export const tell = = 1' })
  const worker = scene.start(['worker', '--watch'])
  await worker.says(/Cannot import tasks\.ts.*words\.ts:1[^]*Waiting for a change/)

  scene.write('words.ts', words('mended'))
  await worker.says('worker started')

  assert.equal(ask(scene), 'one mended\n')
  worker.signal('SIGINT')
  assert.equal((await worker.ended).code, 0)
})

test('--watch reads .env again', async () => {
  const scene = new Scene({
    'tasks.ts':
      "import { Errand } from 'errand'\nexport const errand = new Errand({ store: 'sqlite:jobs.db' })\nerrand.task('ask', async () => process.env['WORD'])\n",
    '.env': 'WORD=first\n',
  })
  const worker = scene.start(['worker', '--watch'])
  await worker.says('worker started')

  scene.write('.env', 'WORD=second\n')
  await worker.says(/\.env changed[^]*worker started/)

  assert.equal(ask(scene), 'second\n')
})

test('a watched worker whose parent is killed stops too', async () => {
  const scene = new Scene({
    'tasks.ts':
      "import { writeFileSync } from 'node:fs'\nimport { Errand } from 'errand'\nexport const errand = new Errand({ store: 'sqlite:jobs.db' })\n" +
      "errand.task('pid', async () => process.pid)\nprocess.on('exit', () => writeFileSync('ended', 'yes'))\n",
  })
  const worker = scene.start(['worker', '--watch'])
  await worker.says('worker started')

  await worker.kill()

  assert.match(worker.stderr, /worker stopped/)
  assert.equal(readFileSync(join(scene.folder, 'ended'), 'utf8'), 'yes')
})

test('dev says what it found, and runs it', async () => {
  const scene = new Scene({ 'app.ts': answering('dev'), 'words.ts': words('here') })
  const dev = scene.start(['dev', 'app.ts'])

  const said = await dev.says('worker started')

  assert.match(said, /store +sqlite:jobs\.db\n +queues +default\n +tasks +ask\n/)
  assert.doesNotMatch(said, /q quit/, 'no key hints without a terminal')
  assert.equal(scene.errand(['call', 'ask', '-A', 'app.ts', '--wait', '-q']).stdout, 'dev here\n')
  dev.signal('SIGTERM')
  assert.equal((await dev.ended).code, 0)
})
