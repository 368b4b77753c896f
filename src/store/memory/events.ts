/** The stream of events for one listener, from the first `next` on. */
import type { EventFilter, StoreEvent } from '../store.ts'
import type { Data } from './data.ts'
import { recordOf } from './entry.ts'

export async function* listen(open: () => Data, filter: EventFilter, signal: AbortSignal): AsyncGenerator<StoreEvent> {
  const data = open()
  if (signal.aborted) return

  const subscription = data.news.subscribe(filter)
  subscription.begin((filter.ids ?? []).flatMap((id) => data.jobs.get(id) ?? []).map(recordOf))
  yield* subscription.events(signal)
}
