/** A workflow that was cancelled by mistake is taken up by retrying it, on each engine. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { chain, chord, defineSignal, group, mapEach, settled, workflow, Errand, type Settled } from '../../src/index.ts'
import { until, untilAborted } from '../worker/worker-support.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { appAt, places } from './places.ts'

const soon = { timeout: '30s' } as const
const unfinished = ['scheduled', 'blocked', 'ready', 'running'] as const

const allEnded = (errand: Errand) => until(async () => (await errand.jobs({ state: unfinished })).jobs.length === 0)

for (const place of await places()) {
  describe(`resuming on ${place.engine}`, { skip: place.skip }, () => {
    test('a cancelled workflow that is retried goes on: what has succeeded stays, and the order too', async (t) => {
      const { errand, work } = appAt(t, place)
      const runs: string[] = []
      let free = false
      const first = errand.task('first', () => runs.push('first'))
      const stuck = errand.task('stuck', (_: void, job) => {
        runs.push('stuck')
        return free ? 'well' : untilAborted(job.signal)
      })
      const ends = errand.task('ends', (all: Settled<string>[]) => {
        runs.push('ends')
        return all.map(({ state }) => state)
      })
      const last = errand.task('last', (states: string[]) => {
        runs.push('last')
        return states
      })
      await work()
      const flow = await errand.enqueue(
        chain(first.with(), group(settled(stuck.with()), settled(stuck.with())), ends, last),
      )
      await until(() => runs.filter((run) => run === 'stuck').length === 2)
      await flow.cancel()
      await allEnded(errand)
      free = true

      assert.equal(await flow.retry(), 'retried')

      assert.deepEqual(await flow.result(soon), ['succeeded', 'succeeded'])
      assert.deepEqual(runs, ['first', 'stuck', 'stuck', 'stuck', 'stuck', 'ends', 'last'])
      assert.equal(await flow.retry(), 'not failed')
    })

    test('one that never started runs as if nothing had happened, with its sleeps and signals', async (t) => {
      const { errand, work } = appAt(t, place)
      const draft = errand.task('draft', (n: number) => n)
      const send = errand.task('send', (all: { n: number; by: string }) => `${all.n} by ${all.by}`)
      const offer = workflow('offer', (w) => {
        const text = w.step(draft, 7)
        const decision = w.waitFor(defineSignal<{ by: string }>('decided'), { after: [text], timeout: '1h' })
        const rest = w.sleep('10ms', { after: [decision] })
        return w.step(send, { n: text.result, by: decision.result.by }, { after: [rest] })
      })
      const flow = await errand.enqueue(offer)
      await flow.cancel()
      await allEnded(errand)

      await flow.retry()

      assert.deepEqual(
        (await flow.graph()).steps.map(({ state }) => state),
        ['ready', 'blocked', 'blocked', 'blocked'],
      )
      await work()
      assert.equal(await flow.signal('decided', { by: 'Grace' }), 'released')
      assert.equal(await flow.result(soon), '7 by Grace')
    })

    test('handlers that waited for flows of theirs, in depth, are taken up with them', async (t) => {
      const { errand, work } = appAt(t, place)
      let [free, stuckRuns] = [false, 0]
      const steps: string[] = []
      const quick = errand.task('quick', (n: number) => n)
      const stuck = errand.task('stuck', (n: number, job) => {
        stuckRuns++
        return free ? n : untilAborted(job.signal)
      })
      const inner = errand.task('inner', async (_: void, job) => job.run('rest', chain(quick.with(4), stuck)))
      const outer = errand.task('outer', async (_: void, job) => {
        await job.step('once', () => void steps.push('once'))
        const [one, two] = await Promise.all([job.run('one', inner.with()), job.run('two', quick.with(1))])
        return one + two
      })
      const double = errand.task('double', (n: number) => n * 2)
      await work()
      const flow = await errand.enqueue(chain(outer, double))
      await until(() => stuckRuns === 1)
      await flow.cancel()
      await allEnded(errand)
      free = true

      await flow.retry()

      assert.equal(await flow.result(soon), 10)
      assert.deepEqual(steps, ['once'])
    })

    test('a single job is taken up with the flow that its handler had started', async (t) => {
      const { errand, work } = appAt(t, place)
      let [free, runs] = [false, 0]
      const stuck = errand.task('stuck', (n: number, job) => {
        runs++
        return free ? n : untilAborted(job.signal)
      })
      const parent = errand.task('parent', (_: void, job) => job.run('rest', mapEach(stuck, [1, 2])))
      await work()
      const job = await parent.enqueue()
      await until(() => runs === 2)
      await errand.workflow(job.id).cancel()
      await allEnded(errand)
      free = true

      assert.equal(await errand.workflow(job.id).retry(), 'retried')

      assert.deepEqual(await job.result(soon), [1, 2])
    })

    test('while a step has yet to hear of its cancel there is nothing to retry', async (t) => {
      const { errand, work } = appAt(t, place)
      const go = Promise.withResolvers<void>()
      let runs = 0
      const deaf = errand.task('deaf', async (n: number) => {
        runs++
        await go.promise
        return n
      })
      await work()
      const flow = await errand.enqueue(chain(deaf.with(1), deaf))
      await until(() => runs === 1)
      await flow.cancel()

      assert.equal(await flow.retry(), 'not final')

      go.resolve()
      await allEnded(errand)
      assert.equal(await flow.retry(), 'retried')
      assert.equal(await flow.result(soon), 1)
    })

    test('a large flow is cancelled and taken up whole', async (t) => {
      const { errand, work } = appAt(t, place)
      const runs = new Map<number, number>()
      const count = errand.task('count', (n: number) => {
        runs.set(n, (runs.get(n) ?? 0) + 1)
        return n
      })
      const sum = errand.task('sum', (all: number[]) => all.length)
      const numbers = Array.from({ length: 3_000 }, (_, n) => n)
      const flow = await errand.enqueue(chord(mapEach(count, numbers), sum))
      const worker = await work()
      await until(() => runs.size > 200)
      await flow.cancel()
      await worker.stop()
      const total = () => [...runs.values()].reduce((all, each) => all + each)
      const before = total()
      const done = (await flow.graph()).steps.filter(({ state, task }) => state === 'succeeded' && task === 'count')

      assert.equal(await flow.retry(), 'retried')

      await work()
      assert.equal(await flow.result({ timeout: '60s' }), 3_000)
      assert.equal(total(), before + 3_000 - done.length)
    })

    test('one that was cancelled behind its gate goes on when that is all there', async (t) => {
      const { errand, work } = appAt(t, place)
      const count = errand.task('count', (n: number) => n)
      const sum = errand.task('sum', (all: number[]) => all.length)
      const numbers = Array.from({ length: 2_500 }, (_, n) => n)
      const sending = errand.enqueue(chord(mapEach(count, numbers), sum), { id: 'large' })
      const cancelled = () =>
        errand
          .workflow('large')
          .cancel()
          .then(
            () => true,
            () => false,
          )
      await until(cancelled)
      await sending

      assert.equal(await errand.workflow('large').retry(), 'retried')

      await work()
      assert.equal(await errand.workflow('large').result({ timeout: '60s' }), 2_500)
    })
  })
}

test('who dies while a workflow that was cancelled behind its gate is retried leaves it to the next retry', async (t) => {
  const store = new MemoryStore()
  const { release } = store
  const errand = new Errand({ store })
  t.after(() => errand.close())
  const count = errand.task('count', (n: number) => n)
  const sum = errand.task('sum', (all: number[]) => all.length)
  const large = errand.workflow('large')
  const dies = () => Promise.reject(new Error('died'))
  Object.assign(store, { release: dies })
  const flow = chord(mapEach(count, [...Array(2_500).keys()]), sum)
  await assert.rejects(errand.enqueue(flow, { id: 'large' }), /died/)
  await large.cancel()
  await assert.rejects(large.retry(), /died/)
  Object.assign(store, { release })

  assert.equal(await large.retry(), 'retried')

  await errand.worker({ concurrency: 20 }).start()
  assert.equal(await large.result(soon), 2_500)
})
