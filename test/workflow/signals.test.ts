/** Signals that say what is sent with them. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { defineSignal, Errand, workflow } from '../../src/index.ts'

const soon = { timeout: '30s' } as const
const loosely = (value: unknown): any => value

const decided = defineSignal(
  'decided',
  z.object({ by: z.string().trim(), cents: z.coerce.number<string>(), note: z.string().default('none') }),
)

async function scene(t: TestContext) {
  const errand = new Errand({ store: 'memory:' })
  t.after(() => errand.close())
  const echo = errand.task('echo', (value: unknown) => value)
  const offer = workflow('offer', (w) => w.step(echo, w.waitFor(decided).result))
  const flow = await errand.enqueue(offer)
  await errand.worker({ grace: '1s' }).start()

  return { errand, flow }
}

test('a signal that does not fit its schema is refused with the place, and the step waits on', async (t) => {
  const { flow } = await scene(t)

  await assert.rejects(flow.signal(decided, loosely({ by: 'Ada', cents: 'many' })), {
    name: 'InvalidInputError',
    code: 'INVALID_INPUT',
    message: /^The value of the signal "decided" does not fit its schema: cents: /,
  })

  assert.equal(await flow.signal(decided, { by: 'Grace', cents: '40' }), 'released')
  assert.equal(((await flow.result(soon)) as { by: string }).by, 'Grace')
})

test('the steps after a signal get what its schema makes of the value', async (t) => {
  const { errand, flow } = await scene(t)

  await errand.workflow(flow.id).signal(decided, { by: ' Grace ', cents: '40' })

  assert.deepEqual(await flow.result(soon), { by: 'Grace', cents: 40, note: 'none' })
})

test('a schema may take its time', async (t) => {
  const { flow } = await scene(t)
  const slowly = z.string().refine(async (text) => Promise.resolve(text !== 'no'))
  const slow = defineSignal('decided', slowly)

  await assert.rejects(flow.signal(slow, 'no'), { code: 'INVALID_INPUT' })

  assert.equal(await flow.signal(slow, 'yes'), 'released')
})

test('a signal sent by its name alone is taken as it is', async (t) => {
  const { flow } = await scene(t)

  await flow.signal('decided', { by: 7 })

  assert.deepEqual(await flow.result(soon), { by: 7 })
})

test('a signal without a schema is sent as it is, and one without a value gives null', async (t) => {
  const { errand } = await scene(t)
  const [go, told] = [defineSignal('go'), defineSignal<{ at: Date }>('told')]
  const echo = errand.task('both', (value: unknown) => value)
  const both = workflow('both', (w) => w.step(echo, [w.waitFor(go).result, w.waitFor(told).result]))
  const flow = await errand.enqueue(both)

  await flow.signal(go)
  await flow.signal(told, { at: new Date(0) })

  assert.deepEqual(await flow.result(soon), [null, { at: '1970-01-01T00:00:00.000Z' }])
})

test('what is no signal is refused where it is written', () => {
  assert.throws(() => defineSignal('two words'), { code: 'INVALID_OPTION', message: /name of a signal/ })
  assert.throws(() => defineSignal('go', loosely({ by: 'text' })), {
    code: 'INVALID_OPTION',
    message: /Standard Schema/,
  })
  for (const signal of [{ name: 'two words' }, null, undefined, 7])
    assert.throws(() => workflow('w', (w) => w.waitFor(loosely(signal))), { code: 'INVALID_OPTION' })
})
