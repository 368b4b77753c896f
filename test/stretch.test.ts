import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { systemEnv } from '../src/env.ts'
import { Stretch } from '../src/stretch.ts'

/** Real turns of the event loop, on a clock that only the test moves. */
function aStretch() {
  let at = 1000
  const stretch = new Stretch({ ...systemEnv(), monotonic: () => at })

  return { stretch, work: (ms: number) => void (at += ms) }
}

test('all who ask in one turn of the event loop share one stretch', async () => {
  const { stretch, work } = aStretch()

  assert.equal(stretch.isOver(), false)
  work(5)
  assert.equal(stretch.isOver(), true)
  await nextTurn()
  assert.equal(stretch.isOver(), false)
})

test('those that wait go on one after the other, as long as there is time, and nobody who asks later overtakes them', async () => {
  const { stretch, work } = aStretch()
  const done: string[] = []
  const goOn = async (name: string, times: number) => {
    for (let piece = 1; piece <= times; piece++) {
      await stretch.pause()
      done.push(`${name}${piece}`)
      work(5)
    }
  }

  stretch.isOver()
  await Promise.all([goOn('a', 2), goOn('b', 1)])

  assert.deepEqual(done, ['a1', 'b1', 'a2'])
})

test('those that wait go on one by one also where others have used up each turn before they are asked', () => {
  const soon: (() => void)[] = []
  let at = 1000
  const stretch = new Stretch({ ...systemEnv(), monotonic: () => at, soon: (callback) => void soon.push(callback) })
  const done: string[] = []
  // What comes in over sockets has its turn first.
  const turn = () => {
    stretch.isOver()
    at += 5
    for (const callback of soon.splice(0)) callback()
  }

  for (const name of ['a', 'b']) stretch.next(() => done.push(name))
  turn()
  const afterOne = [...done]
  turn()

  assert.deepEqual(afterOne, ['a'])
  assert.deepEqual(done, ['a', 'b'])
})
