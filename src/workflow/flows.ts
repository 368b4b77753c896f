/**
 * The jobs of a workflow, found by their ids, so that it costs nothing to have many others beside it: the last step
 * knows how many there are, and the flows that its handlers have started are found by a tag of their last steps.
 */
import type { JobRecord, Store } from '../store/store.ts'
import { idsBefore } from './gate.ts'
import { numbersOf, partTag, stepId, workflowTag } from './note.ts'
import { notedRecord, type Noted } from './overview.ts'
import type { Part } from './retry.ts'

const jobsPerPage = 500
const askedAtOnce = 50

/** In one portion per call of the store. */
export function* portionsOf(store: Store, ids: readonly string[]): Generator<readonly string[]> {
  for (let from = 0; from < ids.length; from += store.limits.idsPerCall) {
    yield ids.slice(from, from + store.limits.idsPerCall)
  }
}

export async function lastStep(store: Store, id: string): Promise<Noted | undefined> {
  const [last] = await store.get([id])

  return last && last !== 'gone' ? notedRecord(last) : undefined
}

/** Of the flow that ends with this step, in their order. A job that ends none is alone. */
export function idsOf({ record, note }: Noted): string[] {
  if (note?.id !== record.id) return [record.id]

  return Array.from({ length: note.total }, (_, at) => stepId(note.id, at + 1, note.last))
}

/** What the flow that ends with this step may stand behind. A single job stands behind nothing. */
export const idsBeforeOf = ({ record, note }: Noted): string[] => (note?.id === record.id ? idsBefore(record.id) : [])

/** The steps of this flow that wait for this signal. */
export function waitingFor({ note }: Noted, signal: string): string[] {
  const { signals = {} } = note ?? {}
  if (!note || !Object.hasOwn(signals, signal)) return []

  return numbersOf(signals[signal]).map((step) => stepId(note.id, step, note.last))
}

/** The last steps of all flows that handlers of this one, and of those, have started: who started one stands before it. */
export async function startedWithin(store: Store, last: Noted): Promise<Noted[]> {
  const all: Noted[] = []
  for (let starters = [last]; starters.length > 0;) {
    starters = await startedByAll(store, starters)
    all.push(...starters)
  }
  return all
}

/** The last steps of the flows that handlers of these have started themselves. */
export async function startedByAll(store: Store, starters: readonly Noted[]): Promise<Noted[]> {
  const started: Noted[] = []
  for (let from = 0; from < starters.length; from += askedAtOnce) {
    const some = starters.slice(from, from + askedAtOnce)
    started.push(...(await Promise.all(some.map((each) => startedBy(store, each)))).flat())
  }
  return started
}

async function startedBy(store: Store, { record, note }: Noted): Promise<Noted[]> {
  const flows = (await recordsOf(store, partTag(note?.id ?? record.id))).map(notedRecord)

  return flows.filter(({ note: flow }) => isStartedBy(record.id, flow?.by))
}

/** By a step of this flow, or by this job. */
const isStartedBy = (flow: string, job: string | undefined) =>
  job === flow || (job?.startsWith(`${flow}.`) === true && /^\d+$/.test(job.slice(flow.length + 1)))

/** This flow and those that its handlers have started, with all that is still kept of them: who started one stands before it. */
export async function partsWithin(store: Store, last: Noted): Promise<Part[]> {
  const flows = [last, ...(await startedWithin(store, last))]
  const ids = flows.flatMap((flow) => [...idsBeforeOf(flow), ...idsOf(flow)])
  const known = new Map((await recordsAt(store, ids)).map((record) => [record.id, notedRecord(record)]))
  const those = (wanted: readonly string[]) => wanted.flatMap((id) => known.get(id) ?? [])

  return flows.map((flow) => ({
    last: known.get(flow.record.id) ?? flow,
    steps: those(idsOf(flow)),
    before: those(idsBeforeOf(flow)),
  }))
}

/** All its jobs that are still kept, with those that its handlers have started: each flow in its order, oldest first. */
export async function jobsWithin(store: Store, id: string): Promise<JobRecord[]> {
  const last = await lastStep(store, id)
  // Its last step is not there yet, or no more.
  if (!last) return recordsOf(store, workflowTag(id))

  return recordsAt(store, [last, ...(await startedWithin(store, last))].flatMap(idsOf))
}

async function recordsAt(store: Store, ids: readonly string[]): Promise<JobRecord[]> {
  const found: JobRecord[] = []
  for (const portion of portionsOf(store, ids)) {
    for (const job of await store.get(portion)) if (job && job !== 'gone') found.push(job)
  }
  return found
}

/** Oldest first. */
export async function recordsOf(store: Store, tag: string): Promise<JobRecord[]> {
  const all: JobRecord[] = []
  let cursor: string | undefined
  do {
    const page = await store.find({ tag, limit: jobsPerPage }, cursor)
    all.push(...page.jobs)
    cursor = page.cursor
  } while (cursor !== undefined)

  return all.toReversed()
}
