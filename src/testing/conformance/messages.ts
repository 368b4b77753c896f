import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

export function messages(harness: StoreHarness): void {
  test('a message is found by its incarnation in its next turn, once', async (t) => {
    const scene = await setScene(harness, t)
    const [one, two] = [await scene.join(), await scene.join()]

    await scene.store.send(one, { kind: 'quiet' })
    await scene.store.send(one, { kind: 'resize', slots: 4 })

    assert.deepEqual((await scene.turn(one)).messages, [{ kind: 'quiet' }, { kind: 'resize', slots: 4 }])
    assert.deepEqual((await scene.turn(one)).messages, [])
    assert.deepEqual((await scene.turn(two)).messages, [])
  })

  test('a message to all reaches everyone who is alive then', async (t) => {
    const scene = await setScene(harness, t)
    const [one, two] = [await scene.join(), await scene.join()]

    await scene.store.send('all', { kind: 'stop' })
    const late = await scene.join()

    assert.deepEqual((await scene.turn(one)).messages, [{ kind: 'stop' }])
    assert.deepEqual((await scene.turn(two)).messages, [{ kind: 'stop' }])
    assert.deepEqual((await scene.turn(late)).messages, [])
  })

  test('the latest message of a kind replaces those before it', async (t) => {
    const scene = await setScene(harness, t)
    const one = await scene.join()

    await scene.store.send(one, { kind: 'resize', slots: 4 })
    await scene.store.send(one, { kind: 'quiet' })
    await scene.store.send(one, { kind: 'resize', slots: 2 })

    assert.deepEqual((await scene.turn(one)).messages, [{ kind: 'quiet' }, { kind: 'resize', slots: 2 }])
  })

  test('resync repeats messages whose answer may have been lost, and a turn does not', async (t) => {
    const scene = await setScene(harness, t)
    const one = await scene.join()
    await scene.store.send(one, { kind: 'quiet' })
    await scene.turn(one)
    await scene.store.send(one, { kind: 'resize', slots: 2 })

    const answer = await scene.store.resync(one)

    assert.ok(answer !== 'gone')
    assert.deepEqual(answer.messages, [{ kind: 'quiet' }, { kind: 'resize', slots: 2 }])
    assert.deepEqual((await scene.turn(one)).messages, [{ kind: 'resize', slots: 2 }])
    assert.deepEqual((await scene.turn(one)).messages, [])
  })

  test('a message to nobody is dropped', async (t) => {
    const scene = await setScene(harness, t)
    const gone = await scene.join()
    await scene.store.leave(gone)

    await scene.store.send(gone, { kind: 'stop' })
    await scene.store.send('nobody', { kind: 'stop' })

    assert.deepEqual(await scene.store.workers(), [])
  })
}
