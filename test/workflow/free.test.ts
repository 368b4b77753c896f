/** Workflows of any shape, on each engine. */
import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { chain, defineSignal, group, mapEach, workflow, type Ref, type Settled } from '../../src/index.ts'
import { appAt, places, type Place } from './places.ts'

const soon = { timeout: '30s' } as const

function scene(t: TestContext, place: Place) {
  const { errand, work } = appAt(t, place)
  const fetch = errand.task('fetch', ({ url }: { url: string }) => ({ html: `<p>${url}`, links: ['a', 'b'] }))
  const size = errand.task('size', (text: string) => text.length)
  const echo = errand.task('echo', (value: unknown) => value)
  const fail = errand.task('fail', { retry: false }, (why: string): number => {
    throw new Error(why)
  })

  return { errand, work, fetch, size, echo, fail }
}

for (const place of await places()) {
  describe(`free workflows on ${place.engine}`, { skip: place.skip }, () => {
    test('inputs contain results anywhere, and the order follows from them', async (t) => {
      const { errand, work, fetch, size, echo } = scene(t, place)
      const flow = workflow('look', (w, input: Ref<{ url: string; tags: string[] }>) => {
        const page = w.step(fetch, { url: input.url })
        const length = w.step(size, page.result.html)
        return w.step(echo, {
          page: page.result,
          sizes: [length.result, 7],
          link: page.result.links[1],
          tag: input.tags[0],
        })
      })
      await work()

      const job = await errand.enqueue(flow.with({ url: 'u', tags: ['new'] }))

      assert.deepEqual(await job.result(soon), {
        page: { html: '<p>u', links: ['a', 'b'] },
        sizes: [4, 7],
        link: 'b',
        tag: 'new',
      })
      assert.equal((await job.graph()).name, 'look')
    })

    test('a workflow is a step: it is given the result of the one before, and contains flows', async (t) => {
      const { errand, work, fetch, size, echo } = scene(t, place)
      const measured = workflow('measured', (w, page: Ref<{ html: string; links: string[] }>) => {
        const all = w.run(group(size.with('abc'), chain(size.with('a'), echo)))
        return w.step(echo, [page.links, all.result, all.result[1]])
      })
      await work()

      const job = await errand.enqueue(chain(fetch.with({ url: 'u' }), measured, echo))

      assert.deepEqual(await job.result(soon), [['a', 'b'], [3, 1], 1])
    })

    test('what refers to how a step ended runs though it failed', async (t) => {
      const { errand, work, echo, fail, size } = scene(t, place)
      const flow = workflow('careful', (w) => {
        const bad = w.step(fail, 'broken')
        const told = w.step(echo, {
          state: bad.end.state,
          why: (bad.end as Ref<{ error: { message: string } }>).error.message,
        })
        w.step(size, 'never', { after: [bad] })
        return told
      })
      await work()

      const job = await errand.enqueue(flow)

      assert.deepEqual(await job.result(soon), { state: 'failed', why: 'broken' })
      assert.equal(await errand.job(`${job.id}.3`).state(), 'cancelled')
    })

    test('a step may run whatever becomes of those before it', async (t) => {
      const { errand, work, size, fail } = scene(t, place)
      const flow = workflow('tidy', (w) => {
        const bad = w.step(fail, 'broken')
        return w.step(size, 'tidied', { after: [bad], when: 'settled' })
      })
      await work()

      assert.equal(await (await errand.enqueue(flow)).result(soon), 6)
    })

    test('a signal from outside ends the step that waits for it, once', async (t) => {
      const { errand, work, echo } = scene(t, place)
      const flow = workflow('approval', (w) => {
        const draft = w.step(echo, 'draft')
        const approved = w.waitFor(defineSignal<{ by: string }>('approved'), { after: [draft] })
        return w.step(echo, { by: approved.result.by })
      })
      await work()
      const job = await errand.enqueue(flow)
      assert.equal(await errand.job(`${job.id}.1`).result(soon), 'draft')

      const answers = [
        await job.signal('approved', { by: 'ada' }),
        await errand.workflow(job.id).signal('approved', { by: 'bob' }),
      ]

      assert.deepEqual(answers, ['released', 'not held'])
      assert.deepEqual(await job.result(soon), { by: 'ada' })
      assert.equal(await job.signal('approved', { by: 'eve' }), 'not held')
    })

    test('a signal that no step waits for is refused, with the nearest name', async (t) => {
      const { errand } = scene(t, place)
      const job = await errand.enqueue(workflow('approval', (w) => w.waitFor('approved')))
      const single = await errand.task('single', () => 1).enqueue()

      await assert.rejects(job.signal('aproved', 'yes'), {
        code: 'SIGNAL_NOT_FOUND',
        message: /waits for the signal "aproved"\. Nothing was done\. Did you mean "approved"\?/,
      })
      await assert.rejects(job.signal('published'), { message: /It waits for: approved\./ })
      await assert.rejects(errand.workflow(single.id).signal('approved'), { message: /It waits for none/ })
    })

    test('nothing can be done to a workflow that is not there', async (t) => {
      const { errand } = scene(t, place)
      const none = errand.workflow('nothing')

      await assert.rejects(none.signal('approved'), { code: 'JOB_NOT_FOUND' })
      await assert.rejects(none.retry(), { code: 'JOB_NOT_FOUND' })
      await assert.rejects(none.cancel(), { code: 'JOB_NOT_FOUND' })
    })

    test('a signal that comes early is kept, and overtakes nothing', async (t) => {
      const { errand, work, echo } = scene(t, place)
      const order: string[] = []
      const note = errand.task('note', (word: string) => void order.push(word))
      const flow = workflow('early', (w) => {
        const first = w.step(note, 'first')
        const go = w.waitFor(defineSignal<string>('go'), { after: [first] })
        return w.step(note, go.result)
      })
      const job = await errand.enqueue(flow)
      await job.signal('go', 'second')

      await work()
      await job.result(soon)

      assert.deepEqual(order, ['first', 'second'])
      assert.ok(echo)
    })

    test('a signal that comes too late has expired', async (t) => {
      const { errand, work, echo } = scene(t, place)
      const flow = workflow('late', (w) => {
        const go = w.waitFor('go', { timeout: 100 })
        return w.step(echo, go.end)
      })
      await work()

      const job = await errand.enqueue(flow)

      const end = (await job.result(soon)) as Settled<string>
      assert.ok(end.state === 'expired')
      assert.deepEqual([end.error.name, end.error.code], ['JobExpiredError', 'JOB_EXPIRED'])
      assert.equal(await job.signal('go', 'now'), 'not held')
    })

    test('time that passes holds no slot', async (t) => {
      const { errand, size } = scene(t, place)
      const flow = workflow('pause', (w) => {
        const first = w.step(size, 'a')
        const pause = w.sleep(300, { after: [first] })
        return w.step(size, 'abc', { after: [pause] })
      })
      await errand.worker({ concurrency: 1, grace: '1s' }).start()
      const job = await errand.enqueue(flow)
      while ((await errand.job(`${job.id}.2`).state()) !== 'scheduled')
        await new Promise((resolve) => setImmediate(resolve))

      const beside = await size.enqueue('ab')

      assert.equal(await beside.result(soon), 2)
      assert.equal(await job.result(soon), 3)
    })

    test('a handler waits for a signal by running a workflow', async (t) => {
      const { errand, work } = scene(t, place)
      const approval = workflow('approval', (w) => w.waitFor('approved'))
      const parent = errand.task('parent', async (_: void, job) => job.run('approval', approval))
      await work()
      const job = await parent.enqueue()
      for await (const { state } of job.updates()) if (state === 'blocked') break
      await errand.workflow(job.id).signal('approved', 'yes')

      assert.equal(await job.result(soon), 'yes')
    })

    test('an empty workflow of maps gives what it maps', async (t) => {
      const { errand, work, size } = scene(t, place)
      await work()

      const job = await errand.enqueue(workflow('maps', (w) => w.run(mapEach(size, []))))

      assert.deepEqual(await job.result(soon), [])
    })
  })
}

test('a reference is not the value, and says so', () => {
  assert.throws(() => workflow('odd', (w, input: Ref<string>) => w.waitFor(`${input as unknown as string}`)), {
    code: 'INVALID_OPTION',
    message: /not there yet/,
  })
})

test('steps of another workflow are refused', () => {
  let stolen: unknown
  workflow('one', (w) => (stolen = w.sleep(1)) as never)

  assert.throws(() => workflow('two', (w) => w.sleep(1, { after: [stolen as never] })), { code: 'INVALID_OPTION' })
  assert.throws(() => workflow('three', () => stolen as never), { code: 'INVALID_OPTION' })
})
