/**
 * What a flow needs that is not a single insert: one larger than a call of the store stands behind a gate until all of it
 * is there, and one that has nothing to run is held until it is given its value. Whoever dies in between leaves a job
 * that expires; whoever sends the same flow again, before that or later, finishes it.
 */
import { insertSafely, type Call } from '../client/inserting.ts'
import type { Claim, InsertOutcome, NewJob, Store } from '../store/store.ts'
import { builtIns } from './built-in.ts'
import { workflowTag } from './note.ts'

/** A flow that was not wholly enqueued for so long never will be: what is there of it is cancelled. */
const gateMs = 3_600_000

/** A job that has ended as soon as it is there, with its input as its result. */
export async function insertEnded(store: Store, job: NewJob, by: Claim | undefined): Promise<InsertOutcome[]> {
  const outcomes = await insert(store, [{ ...job, held: true, expires: { inMs: gateMs } }], by)
  if (outcomes[0]!.kind !== 'refused') await release(store, job.id, job.input)

  return outcomes
}

/** In the order of the jobs; of a flow that is refused, those that were looked at. */
export async function insertGated(
  store: Store,
  { id, by }: { readonly id: string; readonly by: Claim | undefined },
  jobs: readonly NewJob[],
  calls: readonly Call[],
): Promise<InsertOutcome[]> {
  const own = new Set(jobs.map((job) => job.id))
  const gate = gateOf(id, jobs[0]!)
  const opening = [gate, ...startOf(id, gate, jobs, own)]
  const opened = opening.map((job) => job.id)
  const begun = await insert(store, opening, by)
  if (begun.some(isRefused)) return begun

  const outcomes: InsertOutcome[] = []
  for (const call of calls) {
    const answers = await insert(
      store,
      call.map((job) => behind(opened, job, own)),
      by,
    )
    for (const answer of answers) outcomes.push(answer)
    if (!answers.some(isRefused)) continue
    if (begun[0]!.kind === 'inserted') await takeBack(store, [...opening, ...jobs.slice(0, outcomes.length)])
    return outcomes
  }
  await release(store, gate.id, 'null')

  return outcomes
}

/** Nothing is left of a flow that was refused, lest it be taken for one that is there. Who waits goes before those it waits for. */
async function takeBack(store: Store, jobs: readonly NewJob[]): Promise<void> {
  const ids = jobs.map(({ id }) => id).toReversed()
  for (let from = 0; from < ids.length; from += store.limits.idsPerCall) {
    await store.remove(ids.slice(from, from + store.limits.idsPerCall))
  }
}

/** One that has expired since is held again first, and with it all that was cancelled because of it. */
async function release(store: Store, id: string, result: string): Promise<void> {
  const [answer] = await store.release([{ id, result }])
  if (answer === 'released') return
  const [job] = await store.get([id])
  if (!job || job === 'gone' || job.state !== 'expired') return
  await store.retry([id])
  await openGate(store, id, result)
}

/** One that is held again: only who waits for it again when it ends goes on with it. */
export async function openGate(store: Store, id: string, result = 'null'): Promise<void> {
  while ((await store.upkeep()).more);
  await store.release([{ id, result }])
}

const isRefused = ({ kind }: InsertOutcome) => kind === 'refused'

async function insert(store: Store, jobs: Call, by: Claim | undefined): Promise<InsertOutcome[]> {
  return (await insertSafely(store, [startedBy(jobs, by)]))[0]!
}

/** Refused by the store where the handler that starts them may start nothing any more: its job was cancelled, say. */
export function startedBy(jobs: Call, by: Claim | undefined): Call {
  return by ? jobs.with(0, { ...jobs[0]!, startedBy: by }) : jobs
}

export const gateIdOf = (id: string): string => `${id}.gate`
const startIdOf = (id: string): string => `${id}.start`

/** What a flow may stand behind. Cancelled, it keeps also those from running that are still to come. */
export const idsBefore = (id: string): string[] => [gateIdOf(id), startIdOf(id)]

const gateOf = (id: string, { queue, rank, keepFailedMs, keepSucceededMs }: NewJob): NewJob => ({
  id: gateIdOf(id),
  task: builtIns.gate,
  queue,
  rank,
  input: 'null',
  held: true,
  expires: { inMs: gateMs },
  keepSucceededMs,
  keepFailedMs,
  tags: [`gate:${workflowTag(id)}`],
})

/**
 * Where first steps run whatever becomes of the jobs before the flow, a step between waits for those: the gate itself must open
 * well, so nobody who waits for it may run otherwise.
 */
function startOf(id: string, gate: NewJob, jobs: readonly NewJob[], own: ReadonlySet<string>): NewJob[] {
  const before = jobs.find((job) => isFirst(job, own))?.after
  if (before?.otherwise !== 'run') return []
  const { held: _, expires: __, ...rest } = gate

  return [{ ...rest, id: startIdOf(id), task: builtIns.collect, after: before }]
}

const isFirst = ({ after }: NewJob, own: ReadonlySet<string>) => !after?.on.some((id) => own.has(id))

/** Steps that wait for no other of the flow wait for the gate; the others wait for those. */
function behind(opening: readonly string[], job: NewJob, own: ReadonlySet<string>): NewJob {
  if (!isFirst(job, own)) return job
  const before = job.after && job.after.otherwise === 'cancel' ? job.after.on : []

  return { ...job, after: { on: [...before, ...opening], otherwise: 'cancel' } }
}
