/** An app with one schedule and a beat, on a clock that stands until it is told to move. */
import type { TestContext } from 'node:test'
import { Errand } from '../../src/index.ts'
import type { ScheduleRule } from '../../src/schedule/rule.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'

export const minute = 60_000
export const newYear = Date.UTC(2026, 0, 1)

/** An app whose clock stands at the start of 2026 until it is told to move. */
export function world(t: TestContext) {
  const env = new ManualEnv({ startAt: newYear })
  const store = new MemoryStore({ env })
  const app = () => {
    const errand = new Errand({ store, env })
    const digest = errand.task('digest', (_: { list: string }) => {})
    t.after(() => errand.close())
    return { errand, digest }
  }
  const jobs = async () => (await store.find({})).jobs.toReversed()
  /** The ticks that have become jobs, as times of day. */
  const ticks = async () =>
    (await jobs()).map(({ metadata }) => (JSON.parse(metadata!) as { tick: string }).tick.slice(11, 19))

  return { env, store, app, jobs, ticks }
}

export async function beating(t: TestContext, rule: ScheduleRule) {
  const scene = world(t)
  const { errand, digest } = scene.app()
  errand.schedule('digest', rule, digest.with({ list: 'all' }))
  const beat = await errand.beat().start()

  return { ...scene, errand, digest, beat }
}
