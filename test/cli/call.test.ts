import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Scene } from './scene.ts'

const uuid = /^[0-9a-f-]{36}\n$/

test('a call prints the id of its job, and nothing else on stdout', () => {
  const scene = new Scene()

  const { code, stdout, stderr } = scene.errand(['call', 'greet', 'Ada'])

  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, uuid)
})

test('input that does not fit ends with 2, names the field and enqueues nothing', () => {
  const scene = new Scene()

  const { code, stdout, stderr } = scene.errand(['call', 'email.send', 'to=nobody', 'copies=2'])

  assert.deepEqual([code, stdout], [2, ''])
  assert.match(stderr, /^error: .*"email\.send".* to: .*\(INVALID_INPUT\)\n$/)
  assert.deepEqual(JSON.parse(scene.errand(['jobs', 'list', '-o', 'json']).stdout), { jobs: [] })
})

test('an unknown task ends with 4 and the nearest name', () => {
  const { code, stderr } = new Scene().errand(['call', 'email.sned'])

  assert.equal(code, 4)
  assert.match(stderr, /Did you mean "email\.send"\?.*\(UNKNOWN_TASK\)/)
})

test('the input can be JSON, from an option or from stdin', () => {
  const scene = new Scene()

  scene.errand(['call', 'email.send', '--json', '{"to":"ada@example.org"}'])
  scene.errand(['call', 'email.send', '-'], { input: '{"to":"bob@example.org"}' })

  const { jobs } = JSON.parse(scene.errand(['jobs', 'list', '-o', 'json']).stdout)
  assert.deepEqual(
    jobs.map(({ input }: { input: unknown }) => input),
    [{ to: 'bob@example.org' }, { to: 'ada@example.org' }],
  )
})

test('options say when, where and how urgently', () => {
  const scene = new Scene()

  const { stdout } = scene.errand(
    'call greet Ada --delay 5m -Q slow --priority high --unique ada --id greeting-1 --tag a --tag b'.split(' '),
  )
  const again = scene.errand('call greet Ada --unique ada -o json'.split(' '))

  const job = JSON.parse(scene.errand(['jobs', 'show', 'greeting-1', '-o', 'json']).stdout)
  assert.equal(stdout, 'greeting-1\n')
  assert.deepEqual([job.state, job.queue, job.priority, job.tags], ['scheduled', 'slow', 'high', ['a', 'b']])
  assert.deepEqual(JSON.parse(again.stdout), { id: 'greeting-1', deduplicated: true })
})

test('wrong usage ends with 2 before anything is done', () => {
  const scene = new Scene()
  const wrong = [
    ['call'],
    ['call', 'greet', '{"a":'],
    ['call', 'greet', 'one', 'two'],
    ['call', 'greet', 'Ada', '--json', '"Bob"'],
    ['call', 'greet', 'Ada', '--timeout', '5s'],
    ['call', 'greet', 'Ada', '--at', 'tomorrow'],
    ['call', 'greet', 'Ada', '--delay', 'soon'],
    ['call', 'greet', 'Ada', '--priority', 'most'],
    ['call', 'greet', 'Ada', '--queue', ''],
    ['call', 'greet', 'Ada', '--store', 'memory:'],
  ]

  const codes = wrong.map((args) => scene.errand(args).code)

  assert.deepEqual(
    codes,
    wrong.map(() => 2),
  )
})

test('--wait prints the result, or ends with 5 when the job failed', async () => {
  const scene = new Scene()
  const worker = scene.start(['worker'])
  await worker.says('worker started')

  const greeting = scene.errand(['call', 'greet', 'Ada', '--wait'])
  const email = scene.errand(['call', 'email.send', 'to=ada@example.org', '--wait', '-o', 'jsonl'])
  const broken = scene.errand(['call', 'break', 'us', '--wait'])

  assert.deepEqual([greeting.code, greeting.stdout], [0, 'Hello Ada\n'])
  assert.equal(email.stdout, '{"sent":"ada@example.org"}\n')
  assert.deepEqual([broken.code, broken.stdout], [5, ''])
  assert.match(broken.stderr, /broken by us \(JOB_FAILED\)/)
  assert.doesNotMatch(broken.stderr, /\n\s+at /, 'no stack unless asked')
})

test('--follow streams progress and log lines on stderr, and the result on stdout', async () => {
  const scene = new Scene()
  const worker = scene.start(['worker'])
  await worker.says('worker started')

  const { code, stdout, stderr } = scene.errand(['call', 'greet', 'Ada', '--follow'])

  assert.deepEqual([code, stdout], [0, 'Hello Ada\n'])
  assert.match(stderr, /1\/2 50% thinking/)
  assert.equal(stderr.match(/info {2}greeting Ada/g)?.length, 1)
})

test('a time-out that is none is told before anything is enqueued', () => {
  const scene = new Scene()

  const { code, stderr } = scene.errand('call greet Ada --id none --wait --timeout soon'.split(' '))

  assert.equal(code, 2)
  assert.match(stderr, /Expected --timeout to be a duration/)
  assert.equal(scene.errand(['jobs', 'show', 'none', '--store', 'sqlite:jobs.db']).code, 3)
})

test('--timeout ends the waiting with 6 and not the job; without a worker it says so', () => {
  const scene = new Scene()

  const { code, stdout, stderr } = scene.errand('call greet Ada --id late --wait --timeout 50ms'.split(' '))

  assert.deepEqual([code, stdout], [6, ''])
  assert.match(stderr, /No worker serves queue "default"/)
  assert.equal(JSON.parse(scene.errand(['jobs', 'show', 'late', '-o', 'json']).stdout).state, 'ready')
})

test('Ctrl-C ends the waiting with 130 and not the job', async () => {
  const scene = new Scene()
  const call = scene.start('call greet Ada --id patient --wait'.split(' '))
  await call.says('No worker serves')

  call.signal('SIGINT')

  assert.equal((await call.ended).code, 130)
  assert.equal(JSON.parse(scene.errand(['jobs', 'show', 'patient', '-o', 'json']).stdout).state, 'ready')
})

test('what a task redacts is masked unless revealed', async () => {
  const scene = new Scene()
  const worker = scene.start(['worker'])
  await worker.says('worker started')
  const call = 'call login user=ada password=secret --id in --wait -o jsonl'.split(' ')

  const masked = scene.errand(call)
  const revealed = scene.errand([...call, '--reveal'])

  assert.deepEqual(JSON.parse(masked.stdout), { user: 'ada', password: '[redacted]' })
  assert.deepEqual(JSON.parse(revealed.stdout), { user: 'ada', password: 'secret' })
  assert.doesNotMatch(scene.errand(['jobs', 'show', 'in']).stdout, /secret/)
  assert.match(scene.errand(['jobs', 'show', 'in', '--reveal']).stdout, /secret/)
})
