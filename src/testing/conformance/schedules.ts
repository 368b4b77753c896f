import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allSchedules } from '../../schedule/all.ts'
import { aJob } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

const at = Date.UTC(2026, 0, 2)
const next = at + 60_000

export function schedules(harness: StoreHarness): void {
  test('a schedule is listed as it was put', async (t) => {
    const scene = await setScene(harness, t)

    await scene.store.schedules.put([
      { name: 'b', rule: '{"cron":"* * * * *"}', nextAt: at },
      { name: 'a', rule: '{}', nextAt: null },
    ])

    const declaredAt = scene.env.now()
    assert.deepEqual(await allSchedules(scene.store.schedules), [
      { name: 'a', rule: '{}', nextAt: null, paused: false, declaredAt },
      { name: 'b', rule: '{"cron":"* * * * *"}', nextAt: at, paused: false, declaredAt },
    ])
  })

  test('more schedules than a page holds are all listed, and some are given by name', async (t) => {
    const { store } = await setScene(harness, t)
    const names = Array.from({ length: 1_200 }, (_, n) => `s${String(n).padStart(4, '0')}`)
    for (let from = 0; from < names.length; from += 200) {
      await store.schedules.put(names.slice(from, from + 200).map((name) => ({ name, rule: 'r', nextAt: at })))
    }

    const listed = await allSchedules(store.schedules)
    const [last, none, first] = await store.schedules.get(['s1199', 's1200', 's0000'])

    assert.deepEqual(
      listed.map(({ name }) => name),
      names,
    )
    assert.deepEqual([last?.name, none, first?.name], ['s1199', undefined, 's0000'])
    assert.deepEqual(await store.schedules.get([]), [])
  })

  test('a tick adds its job and moves the schedule on, in one step', async (t) => {
    const scene = await setScene(harness, t)
    await scene.store.schedules.put([{ name: 's', rule: 'r', nextAt: at }])

    const answers = await scene.store.schedules.fire([{ name: 's', at, nextAt: next, job: aJob({ id: 'tick' }) }])

    assert.deepEqual(answers, ['fired'])
    assert.equal(await scene.state('tick'), 'ready')
    const [schedule] = await allSchedules(scene.store.schedules)
    assert.deepEqual([schedule?.nextAt, schedule?.lastJob], [next, 'tick'])
  })

  test('a tick fires once, however many fire it', async (t) => {
    const scene = await setScene(harness, t)
    await scene.store.schedules.put([{ name: 's', rule: 'r', nextAt: at }])
    const ticks = ['x', 'y', 'z'].map((id) => ({ name: 's', at, nextAt: next, job: aJob({ id }) }))

    const answers = await Promise.all(ticks.map((tick) => scene.store.schedules.fire([tick])))

    assert.deepEqual(answers.flat().toSorted(), ['fired', 'stale', 'stale'])
    assert.equal((await scene.find()).length, 1)
  })

  test('a tick may be skipped without a job', async (t) => {
    const scene = await setScene(harness, t)
    await scene.store.schedules.put([{ name: 's', rule: 'r', nextAt: at }])

    const answers = await scene.store.schedules.fire([{ name: 's', at, nextAt: null }])

    assert.deepEqual(answers, ['fired'])
    assert.deepEqual((await allSchedules(scene.store.schedules))[0]?.nextAt, null)
    assert.deepEqual(await scene.find(), [])
  })

  test('what is due comes earliest first, and with it the time until the next', async (t) => {
    const scene = await setScene(harness, t)
    const now = scene.env.now()
    const names = ['late', 'later', 'now', 'soon', 'never', 'paused']
    const times = [now - 2_000, now - 1_000, now, now + 500, null, now - 5_000]
    await scene.store.schedules.put(names.map((name, index) => ({ name, rule: 'r', nextAt: times[index]! })))
    await scene.store.schedules.pause('paused', true)

    const all = await scene.store.schedules.due(10)
    const two = await scene.store.schedules.due(2)

    assert.deepEqual(
      all.due.map(({ name }) => name),
      ['late', 'later', 'now'],
    )
    assert.equal(all.nextDueMs, 500)
    assert.equal(all.now, now)
    assert.deepEqual(
      two.due.map(({ name }) => name),
      ['late', 'later'],
    )
    assert.equal(two.nextDueMs, 0)
    assert.deepEqual(all.due[0], { name: 'late', rule: 'r', nextAt: now - 2_000, paused: false, declaredAt: now })
  })

  test('the store tells the time by which jobs and schedules fall due', async (t) => {
    const scene = await setScene(harness, t)
    const before = await scene.store.now()
    await scene.env.advance(1_234)

    const after = await scene.store.now()

    assert.deepEqual([before, after], [scene.env.now() - 1_234, scene.env.now()])
    assert.equal((await scene.store.schedules.due(1)).now, after)
  })

  test('where nothing will ever fall due, nothing is said of it', async (t) => {
    const scene = await setScene(harness, t)
    await scene.store.schedules.put([{ name: 'never', rule: 'r', nextAt: null }])

    const { life: _, ...answer } = await scene.store.schedules.due(10)
    assert.deepEqual(answer, { now: scene.env.now(), due: [] })
  })

  test('a schedule declared again with the same rule keeps its time', async (t) => {
    const scene = await setScene(harness, t)
    await scene.store.schedules.put([{ name: 's', rule: 'r', nextAt: at }])
    await scene.env.advance(1_000)

    await scene.store.schedules.put([{ name: 's', rule: 'r', nextAt: next }])

    const [schedule] = await allSchedules(scene.store.schedules)
    assert.deepEqual([schedule?.nextAt, schedule?.declaredAt], [at, scene.env.now()])
  })

  test('a schedule declared with another rule takes the new time', async (t) => {
    const scene = await setScene(harness, t)
    await scene.store.schedules.put([{ name: 's', rule: 'r', nextAt: at }])

    await scene.store.schedules.put([{ name: 's', rule: 'other', nextAt: next }])

    const [schedule] = await allSchedules(scene.store.schedules)
    assert.deepEqual([schedule?.rule, schedule?.nextAt], ['other', next])
  })

  test('a schedule declared with another rule that fires at the same times keeps its time', async (t) => {
    const scene = await setScene(harness, t)
    await scene.store.schedules.put([
      { name: 's', rule: 'hourly: old', when: 'hourly: ', nextAt: at },
      { name: 'over', rule: 'once: old', when: 'once: ', nextAt: null },
    ])

    await scene.store.schedules.put([
      { name: 's', rule: 'hourly: new', when: 'hourly: ', nextAt: next },
      { name: 'over', rule: 'once: new', when: 'once: ', nextAt: next },
    ])
    const [kept, over] = await scene.store.schedules.get(['s', 'over'])
    await scene.store.schedules.put([{ name: 's', rule: 'daily: new', when: 'daily: ', nextAt: next }])
    const [changed] = await scene.store.schedules.get(['s'])

    assert.deepEqual([kept?.rule, kept?.nextAt], ['hourly: new', at])
    assert.deepEqual([over?.rule, over?.nextAt], ['once: new', null])
    assert.deepEqual([changed?.rule, changed?.nextAt], ['daily: new', next])
  })

  test('a tick whose job is refused has not fired', async (t) => {
    const scene = await setScene(harness, t)
    const { schedules } = scene.store
    const unique = { key: 'k', scope: 'active', onConflict: 'refuse' } as const
    await scene.insert(aJob({ id: 'holder', unique }))
    await schedules.put(['taken', 'waits', 'good'].map((name) => ({ name, rule: 'r', nextAt: at })))
    const before = await schedules.get(['taken', 'waits'])

    const answers = await schedules.fire([
      { name: 'taken', at, nextAt: next, job: aJob({ id: 'x', unique }) },
      { name: 'taken', at: next, nextAt: null, job: aJob({ id: 'y' }) },
      { name: 'waits', at, nextAt: next, job: aJob({ id: 'z', after: { on: ['nobody'], otherwise: 'run' } }) },
      { name: 'good', at, nextAt: next, job: aJob({ id: 'tick' }) },
    ])

    assert.deepEqual(answers, ['refused', 'stale', 'refused', 'fired'])
    assert.deepEqual(await schedules.get(['taken', 'waits']), before)
    assert.deepEqual(await scene.store.get(['x', 'y', 'z']), [undefined, undefined, undefined])
    assert.equal((await schedules.due(10)).due.length, 0)
    assert.deepEqual(await schedules.fire([{ name: 'taken', at, nextAt: next }]), ['fired'])
  })

  test('a paused schedule does not fire', async (t) => {
    const scene = await setScene(harness, t)
    await scene.store.schedules.put([{ name: 's', rule: 'r', nextAt: at }])
    const tick = { name: 's', at, nextAt: next, job: aJob({ id: 'tick' }) }

    assert.equal(await scene.store.schedules.pause('s', true), true)
    assert.deepEqual(await scene.store.schedules.fire([tick]), ['stale'])
    assert.equal((await allSchedules(scene.store.schedules))[0]?.paused, true)
    await scene.store.schedules.pause('s', false)

    assert.deepEqual(await scene.store.schedules.fire([tick]), ['fired'])
  })

  test('a removed schedule is gone and fires no more', async (t) => {
    const scene = await setScene(harness, t)
    await scene.store.schedules.put([{ name: 's', rule: 'r', nextAt: at }])

    assert.equal(await scene.store.schedules.remove(['s', 'nobody']), 1)

    assert.deepEqual(await allSchedules(scene.store.schedules), [])
    assert.deepEqual(await scene.store.schedules.fire([{ name: 's', at, nextAt: next, job: aJob() }]), ['stale'])
    assert.equal(await scene.store.schedules.pause('s', true), false)
  })

  test('a tick whose job is kept out by its key has fired all the same', async (t) => {
    const scene = await setScene(harness, t)
    const unique = { key: 'k', scope: 'active', onConflict: 'keep' } as const
    await scene.insert(aJob({ id: 'holder', unique }))
    await scene.store.schedules.put([{ name: 's', rule: 'r', nextAt: at }])

    const answers = await scene.store.schedules.fire([
      { name: 's', at, nextAt: next, job: aJob({ id: 'tick', unique }) },
    ])

    assert.deepEqual(answers, ['fired'])
    assert.deepEqual(await scene.store.get(['tick']), [undefined])
    assert.deepEqual((await allSchedules(scene.store.schedules))[0]?.lastJob, 'holder')
  })
}
