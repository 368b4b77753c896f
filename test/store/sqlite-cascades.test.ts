import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import type { JobState } from '../../src/job.ts'
import type { Outcome } from '../../src/outcome.ts'
import { aJob, aSettlement, aTurn, aWorker, failed, jobs, succeeded } from '../../src/testing/conformance/builders.ts'
import { aStore } from './sqlite-files.ts'

const wide = 3_000
const later = { queue: 'later' }
const ids = Array.from({ length: wide }, (_, n) => `w${n}`)

async function opened(t: TestContext) {
  const store = aStore(t)
  const worker = await store.join(aWorker())
  await store.insert([[aJob({ id: 'a' })]])
  for (let from = 0; from < wide; from += 500) {
    await store.insert([jobs(ids.slice(from, from + 500), { ...later, after: { on: ['a'], otherwise: 'cancel' } })])
  }

  const countOf = async (state: JobState) =>
    (await store.counts()).find(({ queue }) => queue === 'later')?.states[state] ?? 0
  async function end(outcome: Outcome): Promise<void> {
    const answer = await store.turn(aTurn({ incarnation: worker }))
    assert.ok(!answer.gone)
    await store.turn(aTurn({ incarnation: worker, settled: [aSettlement(answer.claimed[0]!, outcome)], room: [] }))
  }
  async function spread(): Promise<void> {
    while ((await store.upkeep()).more);
  }
  return { store, countOf, end, spread }
}

test('a claim of many joins on sqlite hands out a thousand members and some, and leaves the rest to be read', async (t) => {
  const store = aStore(t)
  const worker = await store.join(aWorker())
  const members = ids.slice(0, 600)
  await store.insert([jobs(members)])
  await store.insert([jobs(['one', 'two', 'three'], { after: { on: members, otherwise: 'cancel' } })])
  const first = await store.turn(
    aTurn({ incarnation: worker, room: [{ queues: ['default'], jobs: 600, bottomUp: 0 }] }),
  )
  assert.ok(!first.gone)
  const settled = first.claimed.map((job) => aSettlement(job, succeeded))
  await store.turn(aTurn({ incarnation: worker, settled, room: [] }))
  while ((await store.upkeep()).more);

  const answer = await store.turn(aTurn({ incarnation: worker }))

  assert.ok(!answer.gone)
  const handedOut = answer.claimed.map((job) => [job.id, job.members?.length, job.moreMembers ?? false])
  assert.deepEqual(handedOut, [
    ['one', 600, false],
    ['two', 600, false],
    ['three', 20, true],
  ])
  const page = await store.members('three')
  assert.equal(page.members.length, 500)
  assert.equal((await store.members('three', page.cursor)).members.length, 100)
})

describe('wide cascades on sqlite', () => {
  test('a retry blocks only so many waiters again in its own step, and all in the end', async (t) => {
    const { store, countOf, end, spread } = await opened(t)
    await end(failed)
    await spread()
    assert.equal(await countOf('cancelled'), wide)

    await store.retry(['a'])
    const atOnce = await countOf('blocked')
    await spread()

    assert.ok(atOnce > 0 && atOnce <= 1_000, `${atOnce} in one step`)
    assert.equal(await countOf('blocked'), wide)
  })

  test('a removal tells only so many waiters in its own step, and all in the end', async (t) => {
    const { store, countOf, spread } = await opened(t)

    await store.remove(['a'])
    const atOnce = await countOf('cancelled')
    await spread()

    assert.ok(atOnce > 0 && atOnce <= 1_000, `${atOnce} in one step`)
    assert.equal(await countOf('cancelled'), wide)
  })

  test('many commands of one call tell together no more than one does', async (t) => {
    const { store, countOf, spread } = await opened(t)
    const members = ['b', 'c', 'd', 'e']
    for (const member of members) {
      const waiters = Array.from({ length: 400 }, (_, n) => `${member}${n}`)
      await store.insert([[aJob({ id: member, queue: 'other' })]])
      await store.insert([jobs(waiters, { ...later, after: { on: [member], otherwise: 'cancel' } })])
    }

    await store.cancel(['a', ...members])
    const atOnce = await countOf('cancelled')
    await spread()

    assert.ok(atOnce > 0 && atOnce <= 1_000, `${atOnce} in one step`)
    assert.equal(await countOf('cancelled'), wide + members.length * 400)
  })
})
