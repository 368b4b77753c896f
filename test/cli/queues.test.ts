import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Scene } from './scene.ts'

function scene(): Scene {
  const made = new Scene()
  made.errand(['call', 'greet', 'Ada'])
  made.errand(['call', 'email.send', 'to=ada@example.org'])
  made.errand(['call', 'email.send', 'to=bob@example.org', '--delay', '1h'])

  return made
}

test('queues are listed with their jobs by state', () => {
  const queues = scene()

  const { stdout } = queues.errand(['queues'])
  const rows = JSON.parse(queues.errand(['queues', 'list', '-o', 'json']).stdout)

  assert.match(stdout, /^queue +scheduled +ready +running +succeeded +failed +workers\n/)
  assert.deepEqual(
    rows.map(({ name, states, paused, workers }: any) => [name, states.ready, states.scheduled, paused, workers]),
    [
      ['default', 1, 0, false, 0],
      ['email', 1, 1, false, 0],
    ],
  )
})

test('a paused queue hands out nothing until it is resumed', () => {
  const queues = scene()
  const ready = () =>
    JSON.parse(queues.errand(['queues', '-o', 'json']).stdout).find(({ name }: any) => name === 'email').states.ready

  queues.errand(['queues', 'pause', 'email'])
  queues.errand(['worker', '--burst', '-q'])
  const whilePaused = [ready(), queues.errand(['queues']).stdout.includes('paused')]
  queues.errand(['queues', 'resume', 'email'])
  queues.errand(['worker', '--burst', '-q'])

  assert.deepEqual([whilePaused, ready()], [[1, true], 0])
})

test('a queue that has had no job is paused all the same, with a warning that its name may be wrong', () => {
  const queues = scene()

  const { code, stderr } = queues.errand(['queues', 'pause', 'emial'])
  const used = queues.errand(['queues', 'pause', 'email'])

  assert.equal(code, 0)
  assert.match(stderr, /No job has been in queue "emial" yet\. Did you mean "email"\?\n/)
  assert.match(stderr, /Queue "emial" is paused/)
  assert.doesNotMatch(used.stderr, /warning/)
})

test('a name that no queue can have is refused', () => {
  const { code, stderr } = scene().errand(['queues', 'pause', ''])

  assert.equal(code, 2)
  assert.match(stderr, /INVALID_OPTION/)
})

test('purging counts, asks, and cancels what waits', () => {
  const queues = scene()
  const purge = (...flags: string[]) => queues.errand(['queues', 'purge', 'email', '-o', 'jsonl', ...flags])

  const dry = purge('--dry-run')
  const alone = purge()
  const agreed = purge('-y')

  assert.deepEqual(JSON.parse(dry.stdout), { matched: 2, done: 0 })
  assert.equal(alone.code, 2)
  assert.deepEqual(JSON.parse(agreed.stdout), { matched: 2, done: 2 })
  assert.deepEqual(JSON.parse(purge('-y').stdout), { matched: 0, done: 0 })
})

test('a mistyped command is answered with the nearest, and with 2', () => {
  const { code, stderr } = new Scene().errand(['queues', 'paus', 'email'])

  assert.equal(code, 2)
  assert.match(stderr, /Did you mean "queues pause"/)
})
