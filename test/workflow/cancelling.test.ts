/** Cancelling a whole is final, on each engine: whatever was under way, nothing of it begins afterwards. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { chain, chord, mapEach, type Errand } from '../../src/index.ts'
import { until } from '../worker/worker-support.ts'
import { appAt, places } from './places.ts'

const soon = { timeout: '30s' } as const
const unfinished = ['scheduled', 'blocked', 'ready', 'running'] as const

/** Does something right before a job of this task goes to the store, after all that is looked at before. */
function justBefore(errand: Errand, task: string, act: () => Promise<unknown>): void {
  errand.use({
    enqueue: async (jobs, next) => {
      if (jobs.some((job) => job.task === task)) await act()
      await next()
    },
  })
}

async function allEnded(errand: Errand): Promise<void> {
  await until(async () => (await errand.jobs({ state: unfinished })).jobs.length === 0)
}

const idsIn = async (errand: Errand) => (await errand.jobs({ limit: 500 })).jobs.map(({ id }) => id)

for (const place of await places()) {
  describe(`cancelling on ${place.engine}`, { skip: place.skip }, () => {
    test('a handler that is starting a flow while its workflow is cancelled starts nothing of it', async (t) => {
      const { errand, work } = appAt(t, place)
      const child = errand.task('child', () => 'ran')
      const parent = errand.task('parent', (_: void, job) => job.run('late', chain(child.with(), child)))
      const after = errand.task('after', () => 'ran')
      const whole = await errand.enqueue(chain(parent.with(), after.with()))
      justBefore(errand, 'child', () => whole.cancel())

      await work()

      await assert.rejects(whole.result(soon), { code: 'JOB_CANCELLED' })
      await allEnded(errand)
      assert.deepEqual((await idsIn(errand)).toSorted(), [whole.id, `${whole.id}.1`].toSorted())
      assert.equal(await errand.job(`${whole.id}.1`).state(), 'cancelled')
    })

    test('so does one whose flow is larger than a call of the store, and one with nothing in it', async (t) => {
      const { errand, work } = appAt(t, place)
      let cancelled = 0
      const child = errand.task('child', (n: number) => n)
      const sum = errand.task('sum', (all: number[]) => all.length)
      const numbers = Array.from({ length: 2_100 }, (_, n) => n)
      const large = errand.task('large', (_: void, job) => job.run('late', chord(mapEach(child, numbers), sum)))
      const empty = errand.task('empty', (_: void, job) => job.run('late', mapEach(child, [])))
      const [one, other] = [await large.enqueue(), await empty.enqueue()]
      for (const [task, id] of [
        ['sum', one.id],
        ['errand.collect', other.id],
      ] as const)
        justBefore(errand, task, async () => {
          cancelled++
          await errand.workflow(id).cancel()
        })

      await work()

      await assert.rejects(one.result(soon), { code: 'JOB_CANCELLED' })
      await assert.rejects(other.result(soon), { code: 'JOB_CANCELLED' })
      await allEnded(errand)
      assert.ok(cancelled >= 2)
      assert.deepEqual((await idsIn(errand)).toSorted(), [one.id, other.id].toSorted())
    })

    test('a job that is cancelled alone starts nothing more either', async (t) => {
      const { errand, work } = appAt(t, place)
      const child = errand.task('child', () => 'ran')
      const told = Promise.withResolvers<unknown>()
      const parent = errand.task('parent', (_: void, job) =>
        job.run('late', chain(child.with())).catch((error: Error) => {
          told.resolve([error.name, job.signal.aborted])
          throw error
        }),
      )
      const job = await parent.enqueue()
      justBefore(errand, 'child', () => job.cancel())

      await work()

      await assert.rejects(job.result(soon), { code: 'JOB_CANCELLED' })
      assert.deepEqual(await told.promise, ['Cancelled', true])
      assert.deepEqual(await idsIn(errand), [job.id])
    })

    test('once the cancel of a whole has answered, no job is added to it, however its handlers spread', async (t) => {
      const { errand, work } = appAt(t, place)
      let runs = 0
      const spread = errand.task('spread', { retry: false }, async (depth: number, job): Promise<void> => {
        runs++
        if (depth === 0) return
        const flow = chain(spread.with(depth - 1), spread.with(depth - 1))
        await Promise.all(['a', 'b', 'c'].map((name) => job.run(name, flow)))
      })
      await Promise.all([work(), work()])
      for (const enough of [1, 4, 15]) {
        runs = 0
        const whole = await spread.enqueue(4)
        await until(() => runs >= enough)

        await errand.workflow(whole.id).cancel()

        const { total } = await errand.workflow(whole.id).graph()
        await allEnded(errand)
        const { total: later, state } = await errand.workflow(whole.id).graph()
        assert.deepEqual([later, state], [total, 'cancelled'])
      }
    })

    test('a large flow that is cancelled while it goes in never runs', async (t) => {
      const { errand, work } = appAt(t, place)
      let runs = 0
      const child = errand.task('child', (n: number) => runs++ + n)
      const sum = errand.task('sum', (all: number[]) => runs++ + all.length)
      const numbers = Array.from({ length: 3_500 }, (_, n) => n)

      const sending = errand.enqueue(chord(mapEach(child, numbers), sum), { id: 'large' })
      await until(() =>
        errand
          .workflow('large')
          .cancel()
          .then(
            () => true,
            () => false,
          ),
      )
      await sending
      await work()

      await assert.rejects(errand.workflow('large').result(soon), { code: 'JOB_CANCELLED' })
      await allEnded(errand)
      assert.equal(runs, 0)
    })
  })
}
