import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Scene, tasks } from './scene.ts'

const json = (text: string) => JSON.parse(text)
const lines = (text: string) => text.trim().split('\n').filter(Boolean)

/** Enqueues and runs in one process, since each start of the program costs. */
const seed = `
import { errand } from './tasks.ts'

await errand.enqueue('greet', 'Ada', { id: 'ada', tags: ['vip'] })
await errand.enqueue('greet', 'Bob', { id: 'bob' })
await errand.enqueue('break', 'us', { id: 'broken' })
const worker = await errand.worker({ burst: true }).start()
await worker.finished
await errand.close()
`

/** Two greetings that succeeded and one job that failed. */
function workedScene(): Scene {
  const scene = new Scene({ 'tasks.ts': tasks, 'seed.ts': seed })
  const { code, stderr } = scene.errand([], { file: `${scene.folder}/seed.ts` })
  assert.equal(code, 0, stderr)

  return scene
}

/** For tests that only look. */
const worked = workedScene()

test('a list shows jobs newest first, as a table, as JSON or as lines of it', () => {
  const scene = worked

  const table = scene.errand(['jobs', 'list'])
  const whole = json(scene.errand(['jobs', 'list', '-o', 'json']).stdout)
  const byLine = lines(scene.errand(['jobs', 'list', '-o', 'jsonl']).stdout).map(json)

  assert.match(lines(table.stdout)[0]!, /^id +state +task +queue/)
  assert.match(table.stdout, /broken +failed +break +default +1 .*Fatal: broken by us/)
  assert.deepEqual(
    whole.jobs.map(({ id }: { id: string }) => id),
    ['broken', 'bob', 'ada'],
  )
  assert.deepEqual(byLine, whole.jobs)
})

test('an empty list asks whether a name was mistyped', () => {
  const list = (...flags: string[]) => worked.errand(['jobs', 'list', ...flags])

  assert.match(list('--task', 'gret').stderr, /No job fits\.\n.*No task "gret" is known here\. Did you mean "greet"\?/)
  assert.match(
    list('--task', 'break', '-Q', 'defalt').stderr,
    /No queue "defalt" is known here\. Did you mean "default"\?/,
  )
  assert.doesNotMatch(list('--task', 'email.send').stderr, /known/)
  assert.doesNotMatch(list('--state', 'blocked').stderr, /known/)
})

test('flags choose among jobs', () => {
  const scene = worked
  const ids = (...flags: string[]) =>
    lines(scene.errand(['jobs', 'list', '-o', 'jsonl', ...flags]).stdout).map((line) => json(line).id)

  assert.deepEqual(ids('--state', 'failed,expired'), ['broken'])
  assert.deepEqual(ids('--task', 'greet', '--tag', 'vip'), ['ada'])
  assert.deepEqual(ids('--since', '1h', '--queue', 'default', '--limit', '2'), ['broken', 'bob'])
  assert.deepEqual(ids('--until', '1h ago'), [])
})

test('an input field chooses too', () => {
  const scene = new Scene()
  scene.errand(['call', 'email.send', 'to=ada@example.org', 'copies=2', '--id', 'two'])
  scene.errand(['call', 'email.send', 'to=bob@example.org', 'copies=3', '--id', 'three'])

  const { stdout } = scene.errand(['jobs', 'list', '--input', 'copies=3', '-o', 'jsonl'])

  assert.deepEqual(
    lines(stdout).map((line) => json(line).id),
    ['three'],
  )
})

test('a cursor goes on where the list ended', () => {
  const scene = worked

  const first = json(scene.errand(['jobs', 'list', '-o', 'json', '--limit', '2']).stdout)
  const rest = json(scene.errand(['jobs', 'list', '-o', 'json', '--cursor', first.cursor]).stdout)

  assert.deepEqual(
    [...first.jobs, ...rest.jobs].map(({ id }) => id),
    ['broken', 'bob', 'ada'],
  )
})

test('one job is shown with its attempts, errors and log (flower#203)', () => {
  const scene = worked

  const broken = json(scene.errand(['jobs', 'show', 'broken', '-o', 'json']).stdout)
  const people = scene.errand(['jobs', 'show', 'ada']).stdout

  assert.equal(broken.attempts.length, 1)
  assert.equal(broken.attempts[0].error.message, 'broken by us')
  assert.match(people, /state +succeeded/)
  assert.match(people, /result +"Hello Ada"/)
  assert.match(people, /info +greeting Ada/)
})

test('an id that no job has ends with 4', () => {
  const scene = worked

  for (const args of [
    ['show', 'nobody'],
    ['logs', 'nobody'],
    ['cancel', 'nobody'],
    ['retry', 'nobody'],
    ['promote', 'nobody'],
  ]) {
    assert.equal(scene.errand(['jobs', ...args]).code, 4, args.join(' '))
  }
})

test('jobs are retried, cancelled, promoted and removed by id', () => {
  const scene = workedScene()
  scene.errand(['call', 'greet', 'Eve', '--id', 'eve', '--delay', '1h'])
  const state = (id: string) => json(scene.errand(['jobs', 'show', id, '-o', 'json']).stdout).state

  assert.equal(scene.errand(['jobs', 'retry', 'broken']).code, 0)
  assert.equal(state('broken'), 'ready')
  assert.equal(scene.errand(['jobs', 'cancel', 'broken']).code, 0)
  assert.equal(state('broken'), 'cancelled')
  assert.equal(scene.errand(['jobs', 'promote', 'eve']).code, 0)
  assert.equal(state('eve'), 'ready')
  assert.equal(scene.errand(['jobs', 'remove', 'ada']).code, 0)
  assert.equal(scene.errand(['jobs', 'show', 'ada']).code, 4)
})

test('promoting a job that is ready says so, and leaves its place in the line', () => {
  const scene = new Scene()
  scene.errand(['call', 'greet', 'Ada', '--id', 'first'])
  scene.errand(['call', 'greet', 'Bob', '--id', 'second'])

  const { code, stdout } = scene.errand(['jobs', 'promote', 'first', '-o', 'json'])
  const { stdout: ran } = scene.errand(['worker', '--burst', '-c', '1', '-o', 'jsonl'])

  assert.deepEqual([code, json(stdout)], [0, [{ id: 'first', answer: 'ready already' }]])
  assert.deepEqual(
    lines(ran)
      .map(json)
      .filter(({ event }) => event === 'started')
      .map(({ id }) => id),
    ['first', 'second'],
  )
})

test('what cannot be done any more is told and ends with 1', () => {
  const { code, stdout } = worked.errand(['jobs', 'cancel', 'ada', '-o', 'json'])

  assert.equal(code, 1)
  assert.deepEqual(json(stdout), [{ id: 'ada', answer: 'final' }])
})

test('many at once are counted first, and nothing happens unless someone agrees', () => {
  const scene = workedScene()

  const dry = scene.errand(['jobs', 'retry', '--task', 'break', '--dry-run', '-o', 'jsonl'])
  const alone = scene.errand(['jobs', 'retry', '--task', 'break'])
  const stillFailed = json(scene.errand(['jobs', 'show', 'broken', '-o', 'json']).stdout).state
  const agreed = scene.errand(['jobs', 'retry', '--task', 'break', '--yes', '-o', 'jsonl'])

  assert.deepEqual([dry.code, json(dry.stdout)], [0, { matched: 1, done: 0 }])
  assert.match(dry.stderr, /This would retry 1 job\./)
  assert.equal(alone.code, 2)
  assert.match(alone.stderr, /This will retry 1 job\. Go on\? Nobody can be asked here: add --yes/)
  assert.equal(stillFailed, 'failed')
  assert.deepEqual([agreed.code, json(agreed.stdout)], [0, { matched: 1, done: 1 }])
})

test('without a state only those are meant that the word suits', () => {
  const scene = workedScene()
  scene.errand(['call', 'greet', 'Eve', '--id', 'eve'])
  const matched = (verb: string) =>
    json(scene.errand(['jobs', verb, '--all', '--dry-run', '-o', 'jsonl']).stdout).matched

  assert.deepEqual([matched('cancel'), matched('retry'), matched('remove')], [1, 1, 3])
})

test('acting on jobs asks which, and takes ids or flags but not both', () => {
  const scene = worked

  assert.equal(scene.errand(['jobs', 'remove', '-y']).code, 2)
  assert.equal(scene.errand(['jobs', 'remove', 'ada', '--state', 'failed', '-y']).code, 2)
  assert.equal(scene.errand(['jobs', 'remove', '--state', 'faild', '-y']).code, 2)
  assert.equal(json(scene.errand(['jobs', 'list', '-o', 'json']).stdout).jobs.length, 3)
})

test('the log of a job is followed until it ends', async () => {
  const scene = workedScene()
  scene.errand(['call', 'greet', 'Eve', '--id', 'eve'])
  const logs = scene.start(['jobs', 'logs', 'eve', '-f', '-o', 'jsonl'])

  scene.errand(['worker', '--burst', '-q'])
  const { code, stdout } = await logs.ended

  assert.equal(code, 0)
  assert.deepEqual(
    lines(stdout).map((line) => json(line).message),
    ['greeting Eve'],
  )
})

test('escape sequences in stored text reach no terminal', () => {
  const scene = new Scene()
  scene.errand([
    'call',
    'break',
    '--json',
    JSON.stringify('\u001b[2J\u001b]0;owned\u0007\nforged\u009b31m'),
    '--id',
    'evil',
  ])
  const log = scene.errand(['worker', '--burst'])

  const printed = [
    ['jobs', 'list'],
    ['jobs', 'show', 'evil', '-v'],
    ['jobs', 'list', '-o', 'jsonl'],
  ].map((args) => {
    const { stdout, stderr } = scene.errand(args)
    return stdout + stderr
  })

  for (const text of [...printed, log.stdout + log.stderr]) assert.doesNotMatch(text, /[\u001b\u0007\u009b]|^forged/m)
})

test('looking never makes a store: a mistyped one ends with 3', () => {
  const scene = new Scene({})

  const { code, stderr } = scene.errand(['jobs', 'list', '--store', 'sqlite:typo.db'])
  const unknown = scene.errand(['jobs', 'list', '--store', 'carrier-pigeon:'])

  assert.deepEqual([code, unknown.code], [3, 3])
  assert.match(stderr, /no store at "sqlite:typo\.db".*\(STORE_OPEN\)/)
})
