/** The simulator itself: it can be believed only if it plays the same history twice, and finds what is wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inChild } from './simulator/campaign.ts'
import { engines } from './simulator/place.ts'
import { catchPlanted, parsePlanted, readPlanted } from './simulator/planted.ts'
import { regressions } from './simulator/regressions.ts'

for (const engine of engines) {
  test(`${engine}: the same seeds play the same histories`, async () => {
    const seeds = { first: 70_000, seeds: engine === 'memory' ? 60 : 8, engine }

    const [once, again] = await Promise.all([inChild(seeds), inChild(seeds)])

    assert.equal(again.trace, once.trace)
    assert.notEqual(once.trace, '')
  })
}

test('seeds that once broke a promise break none any more', async () => {
  for (const { engine, seed, story } of regressions) {
    const { broken } = await inChild({ first: seed, seeds: 1, engine })

    assert.deepEqual(broken, [], story)
  }
})

test('most planted bugs fit the sources as they are', (t) => {
  const planted = readPlanted()
  const misfits = planted.flatMap(({ name, misfits: each }) => each.map((misfit) => `${name}: ${misfit}`))

  for (const misfit of misfits) t.diagnostic(`Adapt it to the sources: ${misfit}`)

  assert.ok(planted.length - misfits.length >= 36, misfits.join('\n'))
})

for (const name of ['worker-starts-twice', 'memory-tick-without-compare', 'sqlite-crash-forgotten']) {
  test(`a planted bug is caught: ${name}`, async () => {
    const planted = readPlanted().find((each) => each.name.endsWith(name))!

    const { seeds, told } = await catchPlanted(planted, 300)

    assert.ok(seeds !== undefined && seeds > 0, `it escaped, or the simulator fell: ${told}`)
  })
}

test('a planted bug says what it is, for which engine, and what it changes', () => {
  const text = 'What: nothing is kept\nEngine: sqlite\n\nFile: src/a.ts\n<<<<<<<\nkeep()\n=======\n>>>>>>>\n'

  const { what, engine, edits } = parsePlanted('one', text)

  assert.deepEqual([what, engine, edits], ['nothing is kept', 'sqlite', [{ file: 'src/a.ts', from: 'keep()', to: '' }]])
})
