import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NewJob, Turn } from '../../store/store.ts'
import { aJob, aSettlement, retryIn, sleepFor, succeeded } from './builders.ts'
import { setCrossing } from './crossing.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

/** What arithmetic with an absent value, or a division by zero, leaves behind; and what no Date reaches. */
const unusable = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3.2e16, -3.2e16]
const lastMoment = 8.64e15
const room = { jobs: 100, bytes: 1 << 20 }

const refused = { code: 'INVALID_OPTION' }

export function unusableTimes(harness: StoreHarness): void {
  test('jobs whose times are no finite numbers, or beyond all dates, are refused, and nothing of their call is added', async (t) => {
    const scene = await setScene(harness, t)
    const wanted = (ms: number): Partial<NewJob>[] => [
      { due: { inMs: ms } },
      { due: { at: ms } },
      { expires: { inMs: ms } },
      { expires: { at: ms } },
      { unique: { key: 'k', scope: { forMs: ms }, onConflict: 'keep' } },
      { keepSucceededMs: ms },
      { keepFailedMs: ms },
    ]

    for (const job of unusable.flatMap(wanted)) {
      await assert.rejects(scene.store.insert([[aJob({ id: 'companion' }), aJob({ id: 'a', ...job })]]), refused)
    }

    assert.deepEqual(await scene.store.get(['companion', 'a']), [undefined, undefined])
  })

  test('a turn with a time that is no finite number is refused, and all its jobs run on', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }), aJob({ id: 'b' }))
    const [a, b] = await scene.claim(worker)
    const told = (ms: number): Pick<Turn, 'settled' | 'givenBack'>[] => [
      { settled: [aSettlement(b!, retryIn(ms))], givenBack: [] },
      { settled: [aSettlement(b!, sleepFor(ms))], givenBack: [] },
      { settled: [aSettlement(b!, succeeded, { ranMs: ms })], givenBack: [] },
      { settled: [aSettlement(b!, succeeded, { closesRateMs: ms })], givenBack: [] },
      { settled: [aSettlement(b!, succeeded, { followUps: [aJob({ due: { inMs: ms } })] })], givenBack: [] },
      { settled: [], givenBack: [{ claim: b!, delayMs: ms }] },
    ]

    for (const { settled, givenBack } of unusable.flatMap(told)) {
      const turn = { incarnation: worker, settled: [aSettlement(a!, succeeded), ...settled], givenBack, room: [] }
      await assert.rejects(scene.store.turn(turn), refused)
    }

    assert.deepEqual([(await scene.get('a')).state, (await scene.get('b')).state], ['running', 'running'])
  })

  test('a job is not put off to a time that is no finite number', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))

    for (const ms of unusable) {
      await assert.rejects(scene.store.change(['a'], { due: { inMs: ms } }), refused)
      await assert.rejects(scene.store.change(['a'], { due: { at: ms } }), refused)
    }

    assert.deepEqual(await scene.claimedIds(worker), ['a'])
  })

  test('a tick whose job has such a time does not fire, and can fire later', async (t) => {
    const scene = await setScene(harness, t)
    await scene.store.schedules.put([{ name: 's', rule: '{}', nextAt: 1_000 }])
    const tick = { name: 's', at: 1_000, nextAt: 2_000 }

    for (const ms of unusable) {
      const job = aJob({ id: 'a', expires: { inMs: ms } })
      await assert.rejects(scene.store.schedules.fire([{ ...tick, job }]), refused)
    }

    assert.deepEqual(await scene.store.schedules.fire([{ ...tick, job: aJob({ id: 'a' }) }]), ['fired'])
  })

  test('a job may be due at the last moment of all, and stops nobody', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'never', due: { at: lastMoment }, expires: { at: lastMoment } }), aJob({ id: 'now' }))

    const worker = await scene.join()
    const claimed = await scene.claimedIds(worker)
    await scene.store.upkeep()

    assert.deepEqual(claimed, ['now'])
    const never = await scene.get('never')
    assert.deepEqual([never.state, never.dueAt, never.expiresAt], ['scheduled', lastMoment, lastMoment])
  })

  test('a job that comes from another store with such a time is not placed, and neither are those with it', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to, destination } = crossing
    await from.insert(aJob({ id: 'a' }), aJob({ id: 'b', due: { inMs: 1_000 } }))
    const [a, b] = await crossing.take()

    for (const ms of unusable) {
      for (const name of ['createdAt', 'dueAt', 'expiresAt', 'startedAt', 'finishedAt'] as const) {
        await assert.rejects(destination.place([a!, { ...b!, [name]: ms }]), refused, `${name} ${ms}`)
      }
      const schedule = { name: 's', rule: '{}', nextAt: ms, paused: false, declaredAt: 0 }
      await assert.rejects(destination.placeSchedules([schedule]), refused)
    }

    assert.deepEqual((await to.store.find({})).jobs, [])
    assert.deepEqual(
      (await from.store.moving.leaving(room)).map(({ id }) => id),
      ['a', 'b'],
    )
  })
}
