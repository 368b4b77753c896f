/** From a flow to steps, without a store: who waits for whom, and what becomes of results. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chain, chord, Errand, group, mapEach, settled, type AnyStep } from '../../src/index.ts'
import { planOf } from '../../src/workflow/graph.ts'
import { numbersOf, rangesOf, withNote } from '../../src/workflow/note.ts'

const errand = new Errand({ store: 'memory:' })
const one = errand.task('one', (n: number) => n)
const all = errand.task('all', (ns: unknown[]) => ns.length)

/** A step as one line: what it is, what it waits for, how, and where its holes are. */
function drawn(step: AnyStep): string[] {
  return planOf(step['~flow']).steps.map(({ work, after, otherwise, holes }) => {
    const name = work.kind === 'task' ? work.task : work.kind
    const wires = holes.map(({ wire }) => JSON.stringify(wire)).join(' ')

    return [name, after.length > 0 ? `${otherwise === 'run' ? 'ended' : 'after'} ${rangesOf(after)}` : '', wires]
      .filter(Boolean)
      .join(' ')
  })
}

test('a chain is one step after the other, and nothing more', () => {
  assert.deepEqual(drawn(chain(one.with(1), one, one.with(2))), ['one', 'one after 1 {"step":1}', 'one after 2'])
})

test('a callback gathers the results of a group itself', () => {
  assert.deepEqual(drawn(chord(group(one.with(1), one.with(2)), all)), ['one', 'one', 'all after 1-2 {"steps":[1,2]}'])
})

test('a group at the end is gathered by a step of its own', () => {
  assert.deepEqual(drawn(group(one.with(1), one.with(2))), ['one', 'one', 'collect after 1-2 {"steps":[1,2]}'])
})

test('many that wait for many wait for one step between them', () => {
  const flow = chord(chain(group(one.with(1), one.with(2)), group(all, all)), all)

  assert.deepEqual(drawn(flow), [
    'one',
    'one',
    'collect after 1-2 {"steps":[1,2]}',
    'all after 3 {"step":3}',
    'all after 3 {"step":3}',
    'all after 4-5 {"steps":[4,2]}',
  ])
})

test('a chain goes on behind an empty group in its order', () => {
  const flow = chain(one.with(1), group(), all)

  const { steps } = planOf(flow['~flow'])
  assert.deepEqual([steps[1]!.after, steps[1]!.input], [[1], []])
})

test('what runs whatever becomes of the step before waits for its end alone', () => {
  assert.deepEqual(drawn(chain(settled(one.with(1)), all as never)), ['one', 'all ended 1 {"outcome":1}'])
})

test('a step that waits for both kinds is told of ends by a step between', () => {
  assert.deepEqual(drawn(chain(group(one.with(1), settled(one.with(2))), all)), [
    'one',
    'one',
    'collect ended 2 {"outcome":2}',
    'all after 1,3 {"list":[{"step":1},{"step":3}]}',
  ])
})

test('results that stand side by side are named as shortly as two', () => {
  const { steps, last } = planOf(
    chord(
      mapEach(
        one,
        Array.from({ length: 200 }, (_, n) => n),
      ),
      all,
    )['~flow'],
  )

  assert.deepEqual([steps.length, last], [201, 201])
  assert.deepEqual(steps.at(-1)!.holes, [{ at: [], wire: { steps: [1, 200] } }])
})

test('no step waits for more than 250, however wide a group is', () => {
  for (const width of [251, 10_000, 100_000]) {
    const { steps } = planOf(
      chord(
        mapEach(
          one,
          Array.from({ length: width }, (_, n) => n),
        ),
        all,
      )['~flow'],
    )

    const widest = Math.max(...steps.map(({ after }) => after.length))
    assert.ok(widest <= 250, `${widest} at ${width}`)
  }
  const { steps } = planOf(
    chord(
      mapEach(
        one,
        Array.from({ length: 10_000 }, (_, n) => n),
      ),
      all,
    )['~flow'],
  )
  assert.deepEqual(steps.at(-1)!.holes, [{ at: [], wire: { joined: [10_001, 40] } }])
})

test('a chain of a thousand built piece by piece is planned', () => {
  let flow = chain(one.with(1), one)
  for (let count = 0; count < 1_000; count++) flow = chain(flow, one)

  assert.equal(planOf(flow['~flow']).steps.length, 1_002)
})

test('numbers are written as ranges and read again', () => {
  for (const numbers of [[], [1], [1, 2, 3], [1, 3, 4, 9], [5, 10_000]]) {
    assert.deepEqual(numbersOf(rangesOf(numbers)), numbers)
  }
  assert.equal(rangesOf([3, 1, 2, 7]), '1-3,7')
})

test('middleware changes the metadata of a step and not its place in the workflow', () => {
  const own = '{"tenant":7,"$workflow":{"id":"w","step":1}}'

  assert.equal(withNote('{"tenant":8}', own), '{"tenant":8,"$workflow":{"id":"w","step":1}}')
  assert.equal(withNote('{}', own), '{"$workflow":{"id":"w","step":1}}')
  assert.equal(withNote('{"a":1}', '{"tenant":7}'), '{"a":1}')
})
