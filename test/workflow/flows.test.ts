/** What workflows promise, on each engine. Numbers in names are the threads of other systems where the promise was missing. */
import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { chain, chord, group, JobFailedError, mapEach, settled, type Errand, type Settled } from '../../src/index.ts'
import { appAt, places, type Place } from './places.ts'

const failedWith = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof JobFailedError)
  assert.match(error.message, message)
  return true
}

const soon = { timeout: '30s' } as const

function tasksOf(errand: Errand) {
  return {
    add: errand.task('add', ({ a, b }: { a: number; b: number }) => a + b),
    double: errand.task('double', (n: number) => n * 2),
    sum: errand.task('sum', (all: number[]) => all.reduce((a, b) => a + b, 0)),
    fail: errand.task('fail', { retry: false }, (n: number): number => {
      throw new Error(`no ${n}`)
    }),
    echo: errand.task('echo', (value: unknown) => value),
  }
}

async function scene(t: TestContext, place: Place) {
  const { errand, work } = appAt(t, place)
  const tasks = tasksOf(errand)

  return { errand, work, ...tasks }
}

for (const place of await places()) {
  describe(`workflows on ${place.engine}`, { skip: place.skip }, () => {
    test('each step of a chain is given the result of the one before', async (t) => {
      const { errand, work, add, double } = await scene(t, place)
      await work()

      const job = await errand.enqueue(chain(add.with({ a: 1, b: 2 }), double))

      assert.equal(await job.result(soon), 6)
    })

    test('a step with its own input only waits for the one before', async (t) => {
      const { errand, work, add, double } = await scene(t, place)
      await work()

      const job = await errand.enqueue(chain(add.with({ a: 1, b: 2 }), double.with(50)))

      assert.equal(await job.result(soon), 100)
    })

    test('a step with some of its input given is given the rest by the one before', async (t) => {
      const { errand, work, add } = await scene(t, place)
      const give = errand.task('give', () => ({ a: 5, b: 100 }))
      await work()

      const job = await errand.enqueue(chain(give, add.partial({ b: 1 })))

      assert.equal(await job.result(soon), 6)
    })

    test('a group gives the results of its steps in their order', async (t) => {
      const { errand, work, double, add } = await scene(t, place)
      await work()

      const job = await errand.enqueue(group(double.with(1), add.with({ a: 1, b: 1 }), chain(double.with(2), double)))

      assert.deepEqual(await job.result(soon), [2, 2, 8])
    })

    test('flows nest without limit', async (t) => {
      const { errand, work, double, sum, echo } = await scene(t, place)
      await work()
      const inner = chain(double.with(1), group(double, chain(double, double)), sum)

      const job = await errand.enqueue(chord(group(inner, group(inner, group()), double.with(7)), echo))

      assert.deepEqual(await job.result(soon), [12, [12, []], 14])
    })

    test('groups behind groups are each given all results', async (t) => {
      const { errand, work, double, sum, echo } = await scene(t, place)
      await work()

      const job = await errand.enqueue(
        chain(group(double.with(1), double.with(2)), group(sum, echo, chain(sum, double))),
      )

      assert.deepEqual(await job.result(soon), [6, [2, 4], 12])
    })

    test('empty groups and chords answer at once (celery#6220)', async (t) => {
      const { errand, work, sum } = await scene(t, place)

      const empty = await errand.enqueue(group())
      assert.deepEqual(await empty.result(soon), [])

      await work()
      const chorded = await errand.enqueue(chord(mapEach(sum, []), sum))
      assert.equal(await chorded.result(soon), 0)
    })

    test('a slice of inputs is one job', async (t) => {
      const { errand, work, sum } = await scene(t, place)
      await work()

      const job = await errand.enqueue(mapEach(sum, [1, 2, 3, 4, 5], { slice: 2 }))

      assert.deepEqual(await job.result(soon), [3, 7, 5])
    })

    test('a failed step cancels what waits, and the result says which it was (celery#5237)', async (t) => {
      const { errand, work, double, fail, sum } = await scene(t, place)
      await work()

      const job = await errand.enqueue(chord(group(double.with(1), chain(fail.with(1), double)), sum))

      await assert.rejects(job.result(soon), failedWith(/no 1/))
      assert.equal(await job.state(), 'cancelled')
    })

    test('retried by hand, a failed step takes up the rest again', async (t) => {
      const { errand, work, double } = await scene(t, place)
      let broken = true
      const fragile = errand.task('fragile', { retry: false }, (n: number) => {
        if (broken) throw new Error('broken')
        return n + 1
      })
      await work()
      const job = await errand.enqueue(chain(double.with(1), fragile, double))
      await assert.rejects(job.result(soon))
      broken = false

      assert.equal(await errand.job(`${job.id}.2`).retry(), 'retried')

      assert.equal(await job.result(soon), 6)
    })

    test('with `settled` the callback runs with the failure (celery#3246)', async (t) => {
      const { errand, work, double, fail } = await scene(t, place)
      const ends = errand.task('ends', (all: Settled<number>[]) =>
        all.map((end) => (end.state === 'succeeded' ? end.result : `${end.state}: ${end.error.message}`)),
      )
      await work()
      const header = group(settled(double.with(1)), settled(fail.with(7)), settled(chain(fail.with(8), double)))

      const job = await errand.enqueue(chord(header, ends))

      assert.deepEqual(await job.result(soon), [2, 'failed: no 7', 'cancelled: no 8'])
    })

    test('beside steps that must succeed, settled ones need not', async (t) => {
      const { errand, work, double, fail, echo } = await scene(t, place)
      await work()

      const job = await errand.enqueue(chord(group(double.with(1), settled(fail.with(7))), echo))
      const other = await errand.enqueue(chord(group(fail.with(1), settled(double.with(7))), echo))

      const [first, second] = (await job.result(soon)) as [number, Settled<number>]
      assert.deepEqual([first, second.state], [2, 'failed'])
      await assert.rejects(other.result(soon), failedWith(/no /))
    })

    test('cancelling a workflow cancels all of it', async (t) => {
      const { errand, work, double } = await scene(t, place)
      const started = Promise.withResolvers<void>()
      const long = errand.task('long', async (_: void, job) => {
        started.resolve()
        await new Promise((resolve) => job.signal.addEventListener('abort', resolve))
      })
      await work()
      const job = await errand.enqueue(chain(long, double.with(1), group(double, double)))
      await started.promise

      await job.cancel()

      await assert.rejects(errand.job(`${job.id}.1`).result(soon), { name: 'JobCancelledError' })
      const { jobs } = await errand.jobs({ tag: `workflow:${job.id}` })
      assert.deepEqual(new Set(jobs.map(({ state }) => state)), new Set(['cancelled']))
    })

    test('an enqueued flow may wait for jobs that are there', async (t) => {
      const { errand, work, double, fail } = await scene(t, place)
      const first = await double.enqueue(1)
      const bad = await fail.enqueue(1)

      const good = await errand.enqueue(chain(double.with(2), double), { after: first })
      const never = await errand.enqueue(chain(double.with(2), double), { after: [first, bad.id] })
      const anyway = await double.enqueue(5, { after: [bad], when: 'settled' })

      assert.equal(await errand.job(`${good.id}.1`).state(), 'blocked')
      await work()
      assert.equal(await good.result(soon), 8)
      assert.equal(await anyway.result(soon), 10)
      await assert.rejects(never.result(soon), failedWith(/no /))
    })

    test('a flow sent twice with one id is one flow', async (t) => {
      const { errand, work, double } = await scene(t, place)
      const flow = chain(double.with(1), double)

      const [one, other] = [await errand.enqueue(flow, { id: 'once' }), await errand.enqueue(flow, { id: 'once' })]

      await work()
      assert.deepEqual([one.id, await other.result(soon)], ['once', 4])
      assert.equal((await errand.jobs({ tag: 'workflow:once' })).jobs.length, 2)
    })

    test('steps keep their own options, and the flow gives them the rest', async (t) => {
      const { errand, double } = await scene(t, place)

      const job = await errand.enqueue(chain(double.with(1, { queue: 'quick', tags: ['own'] }), double), {
        tags: ['all'],
        priority: 'high',
        metadata: { tenant: 7 },
      })

      const first = await errand.job(`${job.id}.1`).info()
      const last = await job.info()
      assert.deepEqual([first.queue, first.priority, first.metadata], ['quick', 'high', { tenant: 7 }])
      assert.ok(first.tags.includes('own') && first.tags.includes('all') && last.tags.includes('all'))
    })

    test('a step shows what it was given and where the rest will come from', async (t) => {
      const { errand, double } = await scene(t, place)

      const { id } = await errand.enqueue(chain(double.with(1), group(double, double), double.with(3)), { id: 'shown' })

      assert.equal((await errand.job('shown.2').info()).input, '<the result of shown.1>')
      assert.deepEqual((await errand.job(id).info()).workflow, { id, name: 'double → 2 × double → double', step: 4 })
    })

    test('a handler sees neither the wiring in its metadata nor more input than its own', async (t) => {
      const { errand, work, double } = await scene(t, place)
      const look = errand.task('look', (input: unknown, job) => ({ input, metadata: job.metadata }))
      await work()

      const job = await errand.enqueue(chain(double.with(1), look), { metadata: { tenant: 7 } })

      assert.deepEqual(await job.result(soon), { input: 2, metadata: { tenant: 7 } })
    })

    test('handlers start flows that start flows, fifty deep, and under a long id', async (t) => {
      const { errand } = await scene(t, place)
      const folder = errand.task('folder', { retry: false }, async (depth: number, job): Promise<number> => {
        return depth === 0 ? 0 : 1 + (await job.run('import this folder', folder.with(depth - 1)))
      })
      await errand.worker({ concurrency: 5, grace: '1s' }).start()

      const [deep, long] = [await folder.enqueue(50), await folder.enqueue(2, { id: 'x'.repeat(200) })]

      assert.deepEqual([await deep.result({ timeout: '60s' }), await long.result(soon)], [50, 2])
      assert.deepEqual(await errand.workflow(deep.id).progress(), { done: 51, of: 51 })
    })

    test('a handler runs flows and gives up its slot meanwhile', async (t) => {
      const { errand, double } = await scene(t, place)
      let runs = 0
      const parent = errand.task('parent', async (n: number, job) => {
        runs++
        const [one, all] = await Promise.all([
          job.run('one', double.with(n)),
          job.run('all', group(double.with(n), chain(double.with(n), double))),
        ])
        return { one, all }
      })
      await errand.worker({ concurrency: 1, grace: '1s' }).start()

      const job = await parent.enqueue(3)

      assert.deepEqual(await job.result(soon), { one: 6, all: [6, 12] })
      assert.deepEqual([runs, (await job.info()).attempt], [2, 1])
    })

    test('what a flow in a handler failed with, the handler may catch', async (t) => {
      const { errand, work, double, fail } = await scene(t, place)
      const careful = errand.task('careful', async (_: void, job) => {
        const failed = await job.run('try', chain(fail.with(1), double)).catch((error: Error) => error.message)
        return { failed }
      })
      const careless = errand.task('careless', (_: void, job) => job.run('try', fail.with(1)))
      await work()

      const caught = await careful.enqueue()
      const thrown = await careless.enqueue()

      assert.match(String((await caught.result(soon)).failed), /no 1/)
      await assert.rejects(thrown.result(soon), failedWith(/no /))
      assert.equal((await thrown.attempts()).length, 1)
    })

    test('a step in a handler is done once, though the handler runs again', async (t) => {
      const { errand, work } = await scene(t, place)
      const done: string[] = []
      const pay = errand.task('pay', { retry: { attempts: 3, backoff: () => 1 } }, async (_: void, job) => {
        const receipt = await job.step('charge', () => {
          done.push('charge')
          return { at: new Date(0) }
        })
        if (job.attempt < 3) throw new Error('the mail server is away')
        return receipt
      })
      await work()

      const job = await pay.enqueue()

      assert.deepEqual(await job.result(soon), { at: '1970-01-01T00:00:00.000Z' })
      assert.deepEqual(done, ['charge'])
    })

    test('one name for two steps of a run is an error', async (t) => {
      const { errand, work } = await scene(t, place)
      const twice = errand.task('twice', { retry: false }, async (_: void, job) => {
        await job.step('same', () => 1)
        await job.step('same', () => 2)
      })
      await work()

      await assert.rejects((await twice.enqueue()).result(soon), /used the step name "same" twice/)
    })

    test('a handler sleeps without its slot, and once', async (t) => {
      const { errand, double } = await scene(t, place)
      let runs = 0
      const nap = errand.task('nap', async (_: void, job) => {
        runs++
        await job.sleep('nap', 300)
        return job.attempt
      })
      await errand.worker({ concurrency: 1, grace: '1s' }).start()

      const sleeping = await nap.enqueue()
      const beside = await double.enqueue(1)

      assert.equal(await beside.result(soon), 2)
      assert.deepEqual([await sleeping.result(soon), runs], [1, 2])
    })

    test('a schedule fires whole flows', async (t) => {
      const { errand, work, double } = await scene(t, place)
      await errand.schedules.put('flow', { every: '1d' }, chain(double.with(1), double))
      await work()

      const job = await errand.schedules.run('flow')

      assert.equal(await job.result(soon), 4)
    })

    test('a join of ten thousand goes in behind a gate, and fires once over two workers (celery#3538)', async (t) => {
      const { errand, work, double } = await scene(t, place)
      const sums: number[] = []
      const sum = errand.task('sum.once', (all: number[]) => sums.push(all.reduce((a, b) => a + b, 0)))
      const inputs = Array.from({ length: 10_000 }, (_, n) => n)
      await work()
      await work()

      const job = await errand.enqueue(chord(mapEach(double, inputs), sum))

      assert.equal(await job.result({ timeout: '60s' }), 1)
      assert.deepEqual(sums, [99_990_000])
      assert.equal(await errand.job(`${job.id}.gate`).state(), 'succeeded')
    })

    test('results of any size stand in their order, whichever way they are gathered', async (t) => {
      const { errand, work, echo } = await scene(t, place)
      const letters = errand.task('letters', (n: number) => ({ n, text: 'x'.repeat(n) }))
      const inputs = Array.from({ length: 300 }, (_, n) => 500 - n)
      await work()

      const job = await errand.enqueue(chord(mapEach(letters, inputs), echo))

      assert.deepEqual(
        await job.result({ timeout: '60s' }),
        inputs.map((n) => ({ n, text: 'x'.repeat(n) })),
      )
    })

    test('a flow larger than a call may run whatever became of the jobs before it', async (t) => {
      const { errand, work, double, fail, sum } = await scene(t, place)
      const bad = await fail.enqueue(1)
      const numbers = Array.from({ length: 1_100 }, () => 1)
      await work()

      const anyway = await errand.enqueue(chord(mapEach(double, numbers), sum), { after: bad, when: 'settled' })
      const never = await errand.enqueue(chord(mapEach(double, numbers), sum), { after: bad })

      assert.equal(await anyway.result({ timeout: '60s' }), 2_200)
      await assert.rejects(never.result({ timeout: '60s' }), failedWith(/no 1/))
    })

    test('a wide group keeps its order, in any place of a flow', async (t) => {
      const { errand, work, double, echo, fail } = await scene(t, place)
      const numbers = Array.from({ length: 600 }, (_, n) => n)
      const count = errand.task('count', (all: number[]) => all.length)
      await work()

      const plain = await errand.enqueue(mapEach(double, numbers))
      const passed = await errand.enqueue(chain(mapEach(double, numbers), group(count, echo)))
      const failing = await errand.enqueue(chord(group(mapEach(double, numbers), fail.with(1)), echo))

      const doubled = numbers.map((n) => n * 2)
      assert.deepEqual(await plain.result({ timeout: '60s' }), doubled)
      assert.deepEqual(await passed.result({ timeout: '60s' }), [600, doubled])
      await assert.rejects(failing.result({ timeout: '60s' }), failedWith(/no 1/))
    })

    test('what is odd in a flow is refused, and nothing is enqueued', async (t) => {
      const { errand, double } = await scene(t, place)

      await assert.rejects(errand.enqueue(chain(double.with(1), double), { queue: 'k' }), { code: 'INVALID_OPTION' })
      assert.throws(() => chain(double.with(1), 7 as never), { code: 'INVALID_OPTION' })
      await assert.rejects(errand.enqueue(chain(double.with(Number.NaN), double)), { code: 'NOT_STORABLE' })
      await assert.rejects(double.enqueue(1, { metadata: { $workflow: {} } }), { code: 'INVALID_OPTION' })
      await assert.rejects(errand.enqueue(chain(double.with(1), double), { after: 'nobody' }), {
        code: 'UNKNOWN_DEPENDENCY',
      })
      assert.deepEqual((await errand.jobs()).jobs, [])
    })
  })
}
