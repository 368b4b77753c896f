/** What a flow cannot mean is said where it is written, in words that name what to do. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { chain, Errand, group, mapEach, workflow, type WorkflowBuilder, type Step } from '../../src/index.ts'

const soon = { timeout: '30s' } as const
const loosely = (value: unknown): any => value

function scene(t: TestContext) {
  const errand = new Errand({ store: 'memory:' })
  t.after(() => errand.close())
  const double = errand.task('double', (n: number) => n * 2)
  const list = errand.task('list', (n: number) => [n])
  const nothing = errand.task('nothing', () => {})
  const echo = errand.task('echo', (fields: { a?: number; b?: number }) => fields)

  return { errand, double, list, nothing, echo, work: () => errand.worker({ grace: '1s' }).start() }
}

test('a flow that lacks some of its input is not enqueued', async (t) => {
  const { errand, echo } = scene(t)
  const flow = workflow<unknown, { a: number }>('needs', (w, input) => w.step(echo, { a: input.a }))
  const refused = { code: 'INVALID_OPTION', message: /given all of its input, with `with\(input\)`/ }

  await assert.rejects(errand.enqueue(loosely(flow)), refused)
  await assert.rejects(errand.enqueue(loosely(echo.partial({ a: 1 }))), refused)
  await assert.rejects(errand.enqueue(loosely(group(chain(echo.partial({ a: 1 }), echo)))), refused)
  assert.deepEqual((await errand.jobs()).jobs, [])
})

test('`partial` adds fields to an object only', async (t) => {
  const { errand, double, list, nothing, echo, work } = scene(t)
  await work()
  const adding = (before: unknown) => errand.enqueue(loosely(chain)(before, echo.partial({ b: 2 })))

  for (const [before, named] of [
    [double.with(1), 'a number'],
    [list.with(1), 'a list'],
    [nothing.with(), 'nothing'],
  ] as const) {
    const flow = await adding(before)
    await assert.rejects(flow.result(soon), {
      code: 'JOB_FAILED',
      errorCode: 'INVALID_INPUT',
      message: new RegExp(`the step before gives ${named}, and \`partial\` adds fields to an object only`),
    })
  }
  await assert.rejects(adding(group()), { code: 'INVALID_INPUT', message: /gives a list/ })
  assert.deepEqual(await (await adding(echo.with({ a: 1 }))).result(soon), { a: 1, b: 2 })
})

test('a step that comes after its workflow is defined is refused', (t) => {
  const { double } = scene(t)
  let kept: WorkflowBuilder | undefined
  workflow('kept', (w) => {
    kept = w
    return w.step(double, 1)
  })

  assert.throws(() => kept!.step(double, 2), {
    code: 'INVALID_OPTION',
    message: /added by the function that defines it, before that returns, got one that came/,
  })
})

test('a reference is told from a text in what is said of it', (t) => {
  const { double } = scene(t)
  let other: any
  workflow('other', (w) => (other = w.step(double, 1)))

  assert.throws(() => workflow('mine', (w) => w.step(double, other.result)), {
    message:
      /Expected a reference in the input of a step to be to a step of the same workflow, got one to a step of another/,
  })
  assert.throws(() => loosely(workflow)('sum', (w: any) => w.step(double, w.step(double, 1).result + 1)), {
    message: /got a reference\./,
  })
})

test('a reference that is taken apart as if it were there already is refused, and not left out in silence', (t) => {
  const { echo, double } = scene(t)
  const refused = { code: 'INVALID_OPTION', message: /got a reference.*not there yet|used whole/ }
  const with_ = (use: (ref: any) => unknown) => () =>
    workflow<any, { a: number }>('apart', (w, input) => loosely(w).step(echo, use(input)))

  assert.throws(
    with_((ref) => ({ ...ref, b: 2 })),
    refused,
  )
  assert.throws(
    with_((ref) => JSON.stringify(ref)),
    refused,
  )
  assert.throws(
    with_((ref) => ('a' in ref ? ref : {})),
    refused,
  )
  assert.throws(
    () => workflow('list', (w) => loosely(w).step(double, [...loosely(w.step(double, 1).result)].length)),
    refused,
  )
})

test('a reference is found in an object without a prototype', async (t) => {
  const { errand, echo, double, work } = scene(t)
  await work()
  const bare = workflow('bare', (w) =>
    w.step(echo, Object.assign(Object.create(null), { a: w.step(double, 2).result })),
  )

  assert.deepEqual(await (await errand.enqueue(bare)).result(soon), { a: 4 })
})

test('a step keeps the input it was given, whatever becomes of the object', async (t) => {
  const { errand, echo, work } = scene(t)
  await work()
  const input = { a: 1 }
  const steps = group(
    echo.with(input),
    mapEach(echo, [input]),
    chain(echo.with({}), echo.partial(input)),
    workflow<any, { a: number }>('kept', (w, given) => w.step(echo, given)).with(input),
  )
  input.a = 666

  assert.deepEqual(await (await errand.enqueue(steps)).result(soon), [{ a: 1 }, [{ a: 1 }], { a: 1 }, { a: 1 }])
})

test('a handler that returns a flow instead of running it fails, and is told how to run it', async (t) => {
  const { errand, double, work } = scene(t)
  const careless = errand.task(
    'careless',
    loosely(() => chain(double.with(1), double)),
  )
  await work()

  await assert.rejects((await careless.enqueue()).result(soon), {
    code: 'JOB_FAILED',
    errorCode: 'NOT_STORABLE',
    message: /return job\.run\(name, step\)/,
  })
})

test('a misspelt option of a step is refused where it is written', (t) => {
  const { double, echo } = scene(t)
  const refused = (nearest: string) => ({ code: 'UNKNOWN_OPTION', message: new RegExp(`Did you mean "${nearest}"`) })

  assert.throws(() => workflow('s', (w) => w.waitFor('go', loosely({ timout: '1d' }))), refused('timeout'))
  assert.throws(() => workflow('s', (w) => w.sleep('1s', loosely({ afte: [] }))), refused('after'))
  assert.throws(() => workflow('s', (w) => w.run(double.with(1), loosely({ wen: 'settled' }))), refused('when'))
  assert.throws(() => workflow('s', (w) => w.step(double, 1, loosely({ dela: '1s' }))), refused('delay'))
  assert.throws(() => double.with(1, loosely({ priorty: 'high' })), refused('priority'))
  assert.throws(() => echo.partial({ a: 1 }, loosely({ priorty: 'high' })), refused('priority'))
  assert.throws(() => double.with(1, loosely({ unique: 'k' })), { code: 'UNKNOWN_OPTION' })
})

test('an input in the place of options is not left out in silence', async (t) => {
  const { errand, nothing } = scene(t)

  await assert.rejects(errand.enqueue(nothing, loosely(3)), { code: 'INVALID_OPTION', message: /task\.with\(input\)/ })
})

test('what is no list of inputs, and options that do not exist, are refused by name', (t) => {
  const { double } = scene(t)

  assert.throws(() => mapEach(double, loosely(5)), {
    message: /what `mapEach` is given to be an array of inputs, got 5/,
  })
  assert.throws(() => mapEach(loosely(double), [1], loosely({ slic: 5 })), { message: /Did you mean "slice"/ })
  assert.throws(() => loosely(chain)(), { message: /Expected a chain to be given one step at least, got none/ })
})

test('flows nest two hundred deep, and deeper ones are refused', async (t) => {
  const { errand, double, work } = scene(t)
  await work()
  const nested = (depth: number) => {
    let flow: Step<void, unknown> = double.with(1)
    for (let n = 0; n < depth; n++) flow = group(flow)
    return flow
  }

  const deep = await errand.enqueue(nested(200))

  assert.deepEqual(JSON.stringify(await deep.result(soon)).length, 401)
  assert.throws(() => nested(20_000), { code: 'INVALID_OPTION', message: /at most 200 steps in steps deep/ })
})

test('`when` without `after` is refused', async (t) => {
  const { errand, double } = scene(t)

  for (const send of [
    () => double.enqueue(1, { when: 'settled' }),
    () => errand.enqueue(chain(double.with(1), double), { when: 'settled' }),
  ]) {
    await assert.rejects(send(), { code: 'INVALID_OPTION', message: /`when` .* left out where there is no `after`/ })
  }
})
