import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Scene } from './scene.ts'

const tasks = `
import { chain, Errand, mapEach, workflow } from 'errand'

export const errand = new Errand({ store: 'sqlite:jobs.db' })
const double = errand.task('double', (n: number) => n * 2)
const sum = errand.task('sum', (all: number[]) => all.length)
if (process.env.SEED) {
  await errand.enqueue(chain(mapEach(double, [1, 2, 3]), sum), { id: 'first' })
  await errand.enqueue(workflow('offer', (w) => w.waitFor('decided')), { id: 'offer' })
  await errand.close()
}
`

function scene(): Scene {
  const made = new Scene({ 'tasks.ts': tasks, 'seed.ts': "process.env.SEED = '1'\nawait import('./tasks.ts')\n" })
  made.errand([], { file: 'seed.ts' })

  return made
}

test('workflows are listed with their state', () => {
  const workflows = scene()

  const { stdout } = workflows.errand(['workflows'])
  const rows = JSON.parse(workflows.errand(['workflows', 'list', '-o', 'json']).stdout)

  const newest = JSON.parse(workflows.errand(['workflows', '-n', '1', '-o', 'json']).stdout)

  assert.equal(newest.length, 1)
  assert.match(stdout, /^id +name +state +steps/)
  assert.match(stdout, /first +3 × double → sum +unfinished +4/)
  assert.deepEqual([rows[1].id, rows[1].total], ['first', 4])
})

test('one is shown step by step, as JSON, and as a chart', () => {
  const workflows = scene()

  const { stdout } = workflows.errand(['workflows', 'show', 'first'])
  const info = JSON.parse(workflows.errand(['workflows', 'show', 'first', '-o', 'json']).stdout)
  const chart = workflows.errand(['workflows', 'show', 'first', '--mermaid']).stdout

  assert.match(stdout, /3 × double → sum: waiting, 0 of 4 steps have ended/)
  assert.match(stdout, /1-3 +ready +3 × double/)
  assert.match(stdout, /4 +blocked +sum +1-3/)
  assert.deepEqual(info.steps.at(-1).after, ['first.1', 'first.2', 'first.3'])
  assert.match(chart, /^flowchart TD\n {2}s0\["3 × double"\]:::ready/)
})

test('one is cancelled whole', () => {
  const workflows = scene()

  const { stderr, code } = workflows.errand(['workflows', 'cancel', 'first'])
  const again = workflows.errand(['workflows', 'cancel', 'first'])

  assert.deepEqual([code, /cancelled: 4 of 4/.test(stderr)], [0, true])
  assert.match(again.stderr, /had ended already: cancelled/)
})

test('one that was cancelled goes on when it is retried, and one that has not ended is left alone', () => {
  const workflows = scene()
  const retry = () => workflows.errand(['workflows', 'retry', 'first'])
  const early = retry()
  workflows.errand(['workflows', 'cancel', 'first'])

  const retried = retry()

  assert.deepEqual([early.code, retried.code], [1, 0])
  assert.match(early.stderr, /Workflow first has not ended, and no step of it has failed\. Nothing was done\./)
  assert.match(retried.stderr, /Workflow first goes on/)
  assert.match(workflows.errand(['workflows', 'show', 'first']).stdout, /waiting|0 of 4/)
})

test('a signal is given by hand, once, and a misspelt one is refused', () => {
  const workflows = scene()
  const signal = (...words: string[]) => workflows.errand(['workflows', 'signal', 'offer', ...words])

  const misspelt = signal('decidde', 'by=Grace')
  const [given, again] = [signal('decided', 'by=Grace'), signal('decided', '{"by": "Ada"}')]
  const shown = workflows.errand(['workflows', 'show', 'offer']).stdout
  const { stdout } = workflows.errand(['jobs', 'show', 'offer', '-o', 'json'])

  assert.deepEqual([misspelt.code, given.code, again.code], [4, 0, 1])
  assert.match(misspelt.stderr, /Did you mean "decided"\? \(SIGNAL_NOT_FOUND\)/)
  assert.match(given.stderr, /Signal "decided" is given/)
  assert.match(again.stderr, /was given before, or its step has ended\. Nothing was done/)
  assert.match(shown, /1 +succeeded +errand\.signal: decided/)
  assert.deepEqual(JSON.parse(stdout).result, { by: 'Grace' })
})

test('one that is not there is not found', () => {
  const workflows = scene()

  assert.equal(workflows.errand(['workflows', 'show', 'nothing']).code, 4)
  assert.match(workflows.errand(['workflows', 'shw']).stderr, /show/)
})
