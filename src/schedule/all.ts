/** Every schedule of a store. */
import { compareText } from '../compare.ts'
import type { ScheduleRecord, ScheduleStore } from '../store/store.ts'

/** By name, in the order of their code points. */
export async function allSchedules(schedules: ScheduleStore): Promise<ScheduleRecord[]> {
  const found = new Map<string, ScheduleRecord>()
  let cursor: string | undefined
  do {
    const page = await schedules.list(cursor)
    for (const schedule of page.schedules) found.set(schedule.name, schedule)
    cursor = page.cursor
  } while (cursor !== undefined)

  return [...found.values()].toSorted((a, b) => compareText(a.name, b.name))
}
