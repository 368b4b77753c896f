/** Workflows as people look at them: as a whole, and in a list. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { chain, chord, Errand, group, mapEach, settled, workflow, type Settled } from '../../src/index.ts'
import { jobStates } from '../../src/job.ts'
import { drawnSteps, mermaid } from '../../src/workflow/drawing.ts'

const soon = { timeout: '30s' } as const

function scene(t: TestContext) {
  const errand = new Errand({ store: 'memory:' })
  t.after(() => errand.close())
  const double = errand.task('double', (n: number) => n * 2)
  const sum = errand.task('sum', (all: number[]) => all.reduce((a, b) => a + b, 0))
  let broken = true
  const fragile = errand.task('fragile', { retry: false }, (n: number) => {
    if (broken) throw new Error('broken')
    return n
  })
  const mend = () => (broken = false)

  return { errand, double, sum, fragile, mend, work: () => errand.worker({ grace: '1s' }).start() }
}

test('a workflow knows how many of its steps have ended', async (t) => {
  const { errand, work, double, sum } = scene(t)
  const flow = await errand.enqueue(chord(mapEach(double, [1, 2, 3]), sum))

  const before = await flow.graph()
  await work()
  await flow.result(soon)
  const after = await flow.graph()

  assert.deepEqual([before.name, before.state, before.done, before.total], ['3 × double → sum', 'waiting', 0, 4])
  assert.deepEqual([after.state, after.done, after.total], ['succeeded', 4, 4])
  assert.deepEqual(await flow.progress(), { done: 4, of: 4 })
})

test('its graph says what each step waits for, and which one failed (leek#62)', async (t) => {
  const { errand, work, double, fragile } = scene(t)
  await work()
  const flow = await errand.enqueue(chain(double.with(1), fragile, double), { id: 'w' })
  await assert.rejects(flow.result(soon))

  const { state, steps } = await errand.workflow('w').graph()

  assert.equal(state, 'failed')
  assert.deepEqual(
    steps.map(({ id, state, after, error }) => [id, state, after, error?.message]),
    [
      ['w.1', 'succeeded', [], undefined],
      ['w.2', 'failed', ['w.1'], 'broken'],
      ['w', 'cancelled', ['w.2'], undefined],
    ],
  )
})

test('retrying a workflow takes up what failed', async (t) => {
  const { errand, work, double, fragile, mend } = scene(t)
  await work()
  const flow = await errand.enqueue(
    chain(group(fragile.with(1), fragile.with(2)), group(double.with(3), double.with(4))),
  )
  await assert.rejects(flow.result(soon))
  mend()

  assert.equal(await flow.retry(), 'retried')

  assert.deepEqual(await flow.result(soon), [6, 8])
})

test('where no step has failed or was cancelled there is nothing to retry, and nothing is done', async (t) => {
  const { errand, double, work } = scene(t)
  await work()
  const done = await errand.enqueue(chain(double.with(1), double))
  await done.result({ timeout: '20s' })
  const stopped = await errand.enqueue(chain(double.with(1, { delay: '1h' }), double))
  const waiting = await stopped.retry()
  const outside = await errand.enqueue(double.with(1, { delay: '1h' }))
  const behind = await errand.enqueue(chain(double.with(1), double), { after: outside })
  await outside.cancel()
  const single = await errand.enqueue(double.with(4))
  await single.result({ timeout: '20s' })

  const answers = [waiting, await done.retry(), await behind.retry(), await single.retry()]

  assert.deepEqual(answers, ['not final', 'not failed', 'not failed', 'retried'])
  assert.deepEqual([await done.state(), await behind.state()], ['succeeded', 'cancelled'])
})

test('a failure that was done with is not retried', async (t) => {
  const { errand, double, fragile, work } = scene(t)
  let runs = 0
  const failing = errand.task('failing', { retry: false }, () => {
    runs++
    throw new Error('no')
  })
  const count = errand.task('count', (all: Settled<unknown>[]) => all.length)
  await work()
  const well = await errand.enqueue(chord(group(settled(failing.with()), settled(double.with(1))), count))
  await well.result(soon)
  const badly = await errand.enqueue(
    chord(group(settled(failing.with()), settled(double.with(1))), chain(count, fragile)),
  )
  await assert.rejects(badly.result(soon))

  const answers = [await well.retry(), await badly.retry()]
  await assert.rejects(badly.result(soon))

  assert.deepEqual(answers, ['not failed', 'retried'])
  assert.equal(runs, 2)
})

test('retrying goes through the flows that handlers have started', async (t) => {
  const { errand, work, double, fragile, mend } = scene(t)
  const parent = errand.task('parent', { retry: false }, (_: void, job) =>
    job.run('rest', chain(fragile.with(4), double)),
  )
  await work()
  const flow = await errand.enqueue(chain(double.with(1), parent))
  await assert.rejects(flow.result(soon))
  mend()

  await flow.retry()

  assert.equal(await flow.result(soon), 8)
})

test('a single job that failed with a flow it had started is retried with it', async (t) => {
  const { errand, work, double, fragile, mend } = scene(t)
  const parent = errand.task('parent', { retry: false }, (_: void, job) =>
    job.run('rest', chain(fragile.with(4), double)),
  )
  await work()
  const { id } = await parent.enqueue()
  await assert.rejects(errand.workflow(id).result(soon))
  mend()

  assert.equal(await errand.workflow(id).retry(), 'retried')

  assert.equal(await errand.workflow(id).result(soon), 8)
  assert.equal(await errand.workflow(id).retry(), 'not failed')
})

test('a flow in the middle is cancelled with all that its handlers have started', async (t) => {
  const { errand, work } = scene(t)
  const begun = Promise.withResolvers<void>()
  const stuck = errand.task('stuck', (_: void, job) => {
    begun.resolve()
    return new Promise<void>((end) => (job.signal.onabort = () => end()))
  })
  const inner = errand.task('inner', async (_: void, job) => job.run('c', chain(stuck, stuck)))
  const middle = errand.task('middle', async (_: void, job) => job.run('b', chain(inner, stuck)))
  const outer = errand.task('outer', async (_: void, job) => job.run('a', chain(middle, stuck)))
  await work()
  const flow = await outer.enqueue()
  await begun.promise

  await errand.workflow(`${flow.id}:a`).cancel()
  await assert.rejects(flow.result(soon))

  const states = (await errand.workflow(flow.id).graph()).steps.map(({ task, state }) => `${task} ${state}`)
  assert.deepEqual(
    states.filter((state) => state.endsWith('succeeded')),
    [],
  )
  assert.deepEqual(
    states.filter((state) => /ready|running|blocked/.test(state)),
    [],
  )
})

test('what handlers start belongs to the workflow, and is cancelled with it', async (t) => {
  const { errand, work, double } = scene(t)
  const stuck = errand.task('stuck', (_: void, job) => new Promise<void>((end) => (job.signal.onabort = () => end())))
  const parent = errand.task('parent', async (_: void, job) => job.run('inner', chain(stuck, double.with(1))))
  await work()
  const flow = await errand.enqueue(chain(double.with(1), parent))
  const states = async () => (await flow.graph()).steps.map(({ task, state }) => `${task} ${state}`)
  while (!(await states()).includes('stuck running')) await new Promise((resolve) => setImmediate(resolve))

  const started = (await flow.graph()).steps.find(({ task }) => task === 'stuck')
  await flow.cancel()
  await errand
    .job(started!.id)
    .result(soon)
    .catch(() => {})

  assert.equal(started?.startedBy, flow.id)
  assert.deepEqual(await states(), ['double succeeded', 'parent cancelled', 'stuck cancelled', 'double cancelled'])
})

test('workflows are listed, newest first, without their steps', async (t) => {
  const { errand, work, double, fragile } = scene(t)
  await errand.enqueue(chain(double.with(1), double), { id: 'good' })
  await errand.enqueue(chain(fragile.with(1), double), { id: 'bad' })
  await double.enqueue(1)
  const before = await errand.workflows()
  await work()
  await errand.workflow('good').result(soon)
  await errand
    .workflow('bad')
    .result(soon)
    .catch(() => {})

  const { workflows } = await errand.workflows()

  assert.deepEqual(
    before.workflows.map(({ id, state }) => [id, state]),
    [
      ['bad', 'unfinished'],
      ['good', 'unfinished'],
    ],
  )
  assert.deepEqual(
    workflows.map(({ id, name, state, total }) => [id, name, state, total]),
    [
      ['bad', 'fragile → double', 'failed', 2],
      ['good', 'double → double', 'succeeded', 2],
    ],
  )
})

test('steps that differ in nothing are drawn as one', async (t) => {
  const { errand, double, sum } = scene(t)
  const flow = await errand.enqueue(chain(mapEach(double, [1, 2, 3]), settled(sum), double.with(1)), { id: 'w' })
  const info = await flow.graph()

  assert.deepEqual(
    drawnSteps(info).map(({ label, count, after }) => [label, count, after]),
    [
      ['1-3', 3, []],
      ['4', 1, [0]],
      ['5', 1, [1]],
    ],
  )
  const lines = mermaid(info).split('\n')
  assert.deepEqual(lines.slice(0, 6), [
    'flowchart TD',
    '  s0["3 × double"]:::ready',
    '  s1["sum"]:::blocked',
    '  s2["double"]:::blocked',
    '  s0 --> s1',
    '  s1 --> s2',
  ])
})

test('a chart names the signal that a step waits for, and has a class for every state', async (t) => {
  const { errand } = scene(t)
  const flow = await errand.enqueue(workflow('approval', (w) => w.waitFor('approved', { timeout: '1h' })))

  const info = await flow.graph()
  const chart = mermaid(info)

  assert.equal(info.steps[0]!.signal, 'approved')
  assert.match(chart, /s0\["errand\.signal: approved"\]:::blocked/)
  for (const state of jobStates) assert.match(chart, new RegExp(`classDef ${state} `))
})

test('a single job is a workflow of one step', async (t) => {
  const { errand, double } = scene(t)
  const { id } = await errand.enqueue(double.with(1))

  const { name, total, steps } = await errand.workflow(id).graph()

  assert.deepEqual([name, total, steps[0]!.id], ['double', 1, id])
})

test('a workflow that is not there is said not to be there', async (t) => {
  const { errand } = scene(t)

  await assert.rejects(errand.workflow('nothing').graph(), { code: 'JOB_NOT_FOUND' })
})
