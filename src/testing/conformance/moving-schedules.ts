import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allSchedules } from '../../schedule/all.ts'
import type { ScheduleStore } from '../../store/store.ts'
import { aJob } from './builders.ts'
import { setCrossing } from './crossing.ts'
import type { StoreHarness } from './harness.ts'

const tick = (at: number, id: string) => [{ name: 'digest', at, nextAt: at + 1_000, job: aJob({ id }) }]
const nextAt = async (schedules: ScheduleStore) => (await allSchedules(schedules)).map((schedule) => schedule.nextAt)

export function movingSchedules(harness: StoreHarness): void {
  test('a moved schedule fires on one side only, also when it is declared again', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { source, destination } = crossing
    const [here, there] = [crossing.from.store.schedules, crossing.to.store.schedules]
    await here.put([{ name: 'digest', rule: 'r', nextAt: 1_000 }])
    await here.fire(tick(1_000, 'first'))
    await here.pause('digest', true)
    const before = await allSchedules(here)

    const taken = await source.takeSchedules()
    assert.deepEqual(await here.fire(tick(2_000, 'second')), ['stale'])
    assert.deepEqual(await source.takeSchedules(), taken)
    await destination.placeSchedules(taken)
    await source.dropSchedules(['digest'])

    await here.put([{ name: 'digest', rule: 'r', nextAt: 2_000 }])
    assert.deepEqual([await allSchedules(here), await here.fire(tick(2_000, 'second'))], [[], ['stale']])
    assert.deepEqual([await here.pause('digest', false), await here.remove(['digest'])], [false, 0])
    assert.deepEqual(await source.takeSchedules(), [])
    assert.deepEqual(await allSchedules(there), before)
    await there.pause('digest', false)
    assert.deepEqual(await there.fire(tick(2_000, 'second')), ['fired'])
  })

  test('a schedule that is known there fires next when neither side has fired', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { source, destination } = crossing
    const [here, there] = [crossing.from.store.schedules, crossing.to.store.schedules]
    for (const side of [here, there]) await side.put([{ name: 'digest', rule: 'r', nextAt: 1_000 }])
    await here.fire(tick(1_000, 'first'))

    const taken = await source.takeSchedules()
    await destination.placeSchedules(taken)
    assert.deepEqual(await nextAt(there), [2_000])
    await there.fire(tick(2_000, 'second'))
    await destination.placeSchedules(taken)

    assert.deepEqual(await nextAt(there), [3_000])
  })

  test('the rule that is declared there holds', async (t) => {
    const crossing = await setCrossing(harness, t)
    const [here, there] = [crossing.from.store.schedules, crossing.to.store.schedules]
    await here.put([{ name: 'digest', rule: 'old', nextAt: 9_000 }])
    await here.pause('digest', true)
    await there.put([{ name: 'digest', rule: 'new', nextAt: 1_000 }])

    await crossing.destination.placeSchedules(await crossing.source.takeSchedules())

    const [digest] = await there.get(['digest'])
    assert.deepEqual([digest!.rule, digest!.nextAt, digest!.paused], ['new', 1_000, true])
  })

  test('a schedule that comes back fires here again', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { source, destination } = crossing
    const here = crossing.from.store.schedules
    await here.put([{ name: 'digest', rule: 'r', nextAt: 1_000 }])
    await destination.placeSchedules(await source.takeSchedules())
    await source.dropSchedules(['digest'])

    await source.placeSchedules(await destination.takeSchedules())

    assert.deepEqual(await here.fire(tick(1_000, 'first')), ['fired'])
  })
}
