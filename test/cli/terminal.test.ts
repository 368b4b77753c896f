/** What is different where a person sits at a terminal. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { noTerminal, Scene } from './scene.ts'

describe('at a terminal', { skip: noTerminal }, () => {
  const scene = () => {
    const made = new Scene()
    for (const id of ['a', 'b']) made.errand(['call', 'greet', 'Ada', '--id', id])

    return made
  }
  const stateOf = (made: Scene, id: string) => JSON.parse(made.errand(['jobs', 'show', id, '-o', 'json']).stdout).state

  test('yes does what was asked', async () => {
    const jobs = scene()
    const cancel = jobs.startInTerminal(['jobs', 'cancel', '--task', 'greet'])
    await cancel.says('This will cancel 2 jobs. Go on? [y/N]')

    cancel.type('y\r')

    assert.equal((await cancel.ended).code, 0)
    assert.deepEqual([stateOf(jobs, 'a'), stateOf(jobs, 'b')], ['cancelled', 'cancelled'])
  })

  for (const [name, keys, code] of [
    ['no', 'n\r', 1],
    ['nothing but Enter', '\r', 1],
    ['Ctrl-C', '\u0003', 130],
  ] as const) {
    test(`${name} leaves everything as it was`, async () => {
      const jobs = scene()
      const cancel = jobs.startInTerminal(['jobs', 'cancel', '--task', 'greet'])
      await cancel.says('Go on? [y/N]')

      cancel.type(keys)

      assert.equal((await cancel.ended).code, code)
      assert.equal(stateOf(jobs, 'a'), 'ready')
    })
  }

  test('dev listens to keys: r starts it again, q ends it', async () => {
    const dev = new Scene().startInTerminal(['dev'])
    await dev.says(/r restart · c clear · q quit[^]*worker started/)

    dev.type('r')
    await dev.says(/Starting again[^]*worker started/)
    dev.type('q')

    assert.equal((await dev.ended).code, 0)
  })

  test('colours are used, unless they are not wanted', async () => {
    const jobs = scene()

    const coloured = await jobs.startInTerminal(['jobs', 'list']).ended
    const plain = await jobs.startInTerminal(['jobs', 'list', '--no-color']).ended

    assert.match(coloured.stdout, /\u001b\[/)
    assert.doesNotMatch(plain.stdout, /\u001b\[/)
  })
})
