/** Asks for work: through the client, and for what the client does not offer, at the store itself. */
import {
  JobCancelledError,
  JobExpiredError,
  JobFailedError,
  ResultTimeoutError,
  UnknownOutcomeError,
} from '../../../src/errors.ts'
import type { JobHandle } from '../../../src/client/handle.ts'
import type { EnqueueOptions } from '../../../src/client/enqueue-options.ts'
import type { Rank } from '../../../src/job.ts'
import type { Lane, NewJob, Store } from '../../../src/store/store.ts'
import type { Actor } from '../actor.ts'
import type { Dice } from '../dice.ts'
import { shortId } from '../book.ts'
import type { History } from '../history.ts'
import { retentions, type Plan } from '../plan.ts'
import { enqueueFlow } from './flows.ts'
import { appOf, behaviours, keys, type App, type Input, type TaskName } from './tasks.ts'

export function startProducer(history: History, name: string, jobs: number): void {
  const actor = history.enter('producer', name)
  const store = history.storeOf(actor)
  const app = appOf(history, actor, store, { slots: 0, old: false })
  void produce(history, actor, app, store, jobs)
}

async function produce(history: History, actor: Actor, app: App, store: Store, jobs: number): Promise<void> {
  const { world, plan } = history
  const { dice } = world
  let left = jobs
  if (plan.features.fanOuts) left -= await insertFlow(history, actor, store, fanOut(history))
  while (left > 0) {
    await actor.sleep(dice.next() * ((plan.safetyMs * 1.2) / jobs))
    if (plan.features.bursts && dice.chance(0.3)) {
      left -= await burst(history, actor, app)
      continue
    }
    if (plan.features.flows && dice.chance(0.4)) {
      left -= await enqueueFlow(history, actor, app)
      continue
    }
    const wantsMore = plan.features.lanes || plan.features.rates || plan.features.dependencies || plan.features.held
    if (wantsMore && dice.chance(0.6)) left -= await insertFlow(history, actor, store)
    else if (dice.chance(plan.features.batches || plan.features.paces ? 0.35 : 0.15))
      left -= await enqueueMany(history, app)
    else left -= await enqueueOne(history, actor, app)
  }
  history.finishedProducing(actor)
}

export function inputOf(dice: Dice): Input {
  const does = dice.chance(0.45) ? 'quick' : dice.pick(behaviours)
  const ms = dice.pick([0, 3, 40, 300, 900])
  return {
    does,
    ms,
    key: dice.pick(keys),
    ...(dice.chance(0.15) && { bad: dice.whole(1, 2) }),
    ...(dice.chance(0.3) && { own: true }),
  }
}

function optionsOf(history: History, actor: Actor): EnqueueOptions {
  const { plan, world } = history
  const { dice } = world
  const { features } = plan
  return {
    id: world.id(),
    queue: dice.pick(plan.queues),
    ...(features.ranks && { priority: dice.pick(['urgent', 'high', 'normal', 'low'] as const) }),
    ...(features.delays && dice.chance(0.3) && { delay: dice.pick([1, 200, 1500, 4000]) }),
    ...(features.expiry && dice.chance(0.3) && { expires: dice.pick([1, 300, 3000]) }),
    ...(features.unique && dice.chance(0.5) && { unique: uniqueOf(dice) }),
    ...(features.followUps && dice.chance(0.3) && { onSucceeded: 'next' }),
    ...(features.followUps && dice.chance(0.3) && { onFailed: 'sorry' }),
    ...(dice.chance(0.1) && { metadata: { by: actor.name } }),
  }
}

function uniqueOf(dice: Dice): NonNullable<EnqueueOptions['unique']> {
  const key = dice.pick(['k0', 'k1', 'k2'])
  const onConflict = dice.chance(0.3) ? 'replace' : 'keep'
  if (dice.chance(0.25)) return { key, for: dice.pick([500, 3000]), onConflict }
  return { key, while: dice.pick(['waiting', 'active']), onConflict }
}

const taskOf = ({ dice }: History['world'], { features }: Plan): TaskName =>
  features.once && dice.chance(0.25) ? 'once' : dice.chance(0.1) ? 'odd' : 'plain'

/** Of a task that holds its jobs back, or not. */
function limitedTaskOf({ world, plan }: History): TaskName {
  const { orders, paces, batches } = plan.features
  if (orders && world.dice.chance(0.5)) return 'serial'
  if (batches && world.dice.chance(0.5)) return 'bulk'
  if (paces && world.dice.chance(0.5)) return 'paced'

  return taskOf(world, plan)
}

/** Sends again, with the same id, until it is known to be in: that must never make two. */
async function enqueueOne(history: History, actor: Actor, app: App): Promise<number> {
  const { world, plan } = history
  const lasts = plan.features.longRuns && world.dice.chance(0.35)
  const name = lasts ? 'long' : limitedTaskOf(history)
  const task = app.tasks[name]
  const { priority, ...rest } = optionsOf(history, actor)
  // Where order counts, priority is refused.
  const options = { ...rest, ...(priority && name !== 'serial' && { priority }) }
  const usual: Input = lasts ? { does: 'lasts', ms: 0 } : inputOf(world.dice)
  const input = name === 'paced' ? laterOf(world.dice)(usual) : usual
  for (;;) {
    try {
      const handle = await task.enqueue(input, options)
      history.acknowledged(handle.id)
      if (world.dice.chance(0.2)) void awaitResult(history, handle)
      return 1
    } catch (error) {
      // Who was refused may let it be; who does not know repeats.
      if (!(error instanceof UnknownOutcomeError) && world.dice.chance(0.3)) return 1
      await actor.sleep(100 + world.dice.next() * 400)
    }
  }
}

const patienceMs = 8000
const toldWithinMs = 1500

/** What the caller is told is what the store says at that moment, and it is told soon. */
async function awaitResult(history: History, handle: JobHandle<any>): Promise<void> {
  const { checker, world } = history
  const { id } = handle
  const told = await handle.result({ timeout: patienceMs }).then(
    () => 'succeeded',
    (error: unknown) => toldBy.get((error as Error).constructor) ?? 'nothing',
  )
  checker.look([id], ([record]) => {
    if (!record) return
    const finishedAgoMs = world.wall() - (record.finishedAt ?? Infinity)
    // Between the end and now it may have been retried: the caller froze, or asked why, and that took long.
    const lives = checker.book.pages.get(id)?.reopened && record.finishedAt === undefined
    if (told !== 'late' && told !== 'nothing' && told !== record.state && !lives)
      checker.violate('P31', `a caller was told that ${shortId(id)} has ${told}, and it is ${record.state}`)
    if (told === 'late' && finishedAgoMs > toldWithinMs && checker.clocksAgree)
      checker.violate('P31', `a caller was not told for ${finishedAgoMs} ms that ${shortId(id)} is over`)
  })
}

const toldBy = new Map<unknown, string>([
  [JobFailedError, 'failed'],
  [JobCancelledError, 'cancelled'],
  [JobExpiredError, 'expired'],
  [ResultTimeoutError, 'late'],
])

/** Many are told to come later, some much later than others. */
const laterOf =
  (dice: Dice) =>
  (input: Input): Input =>
    dice.chance(0.5) ? { does: 'later', ms: dice.pick([40, 600, 2500]) } : input

function manyOf({ plan: { features }, world: { dice } }: History): TaskName {
  if (features.batches && dice.chance(0.7)) return 'bulk'
  if (features.paces && dice.chance(0.7)) return 'paced'
  return features.orders && dice.chance(0.7) ? 'serial' : 'plain'
}

async function enqueueMany(history: History, app: App): Promise<number> {
  const { dice } = history.world
  const inputs = Array.from({ length: dice.whole(2, 5) }, () => inputOf(dice))
  try {
    const name = manyOf(history)
    const handles = await app.tasks[name].enqueueMany(name === 'paced' ? inputs.map(laterOf(dice)) : inputs, {
      queue: dice.pick(history.plan.queues),
    })
    for (const { id } of handles) history.acknowledged(id)
  } catch {
    // Its ids are not known here, so it is not sent again.
  }
  return inputs.length
}

/** More than the slots can take: what is claimed ahead is given back when the worker is stopped at once. */
async function burst(history: History, actor: Actor, app: App): Promise<number> {
  const { dice } = history.world
  const inputs = Array.from({ length: dice.whole(8, 16) }, () => ({ does: 'quick', ms: dice.pick([0, 0, 5]) }))
  try {
    const handles = await app.tasks.plain.enqueueMany(inputs, { queue: history.plan.queues[0]! })
    for (const { id } of handles) history.acknowledged(id)
  } catch {
    return 2
  }
  await actor.sleep(dice.next() * 30)
  if (dice.chance(0.7)) void history.stopSomeWorker().catch(() => {})
  return inputs.length
}

/** Jobs that wait for one another, or share a lane or a rate. */
async function insertFlow(history: History, actor: Actor, store: Store, jobs = flow(history)): Promise<number> {
  const { dice } = history.world
  const count = Math.min(4, jobs.length)
  for (;;) {
    try {
      const [outcomes] = await store.insert([jobs])
      outcomes!.forEach(
        ({ kind }, index) => kind !== 'refused' && kind !== 'kept' && history.acknowledged(jobs[index]!.id),
      )
      return count
    } catch (error) {
      if (!(error instanceof UnknownOutcomeError) && dice.chance(0.3)) return count
      await actor.sleep(100 + dice.next() * 400)
    }
  }
}

function flow(history: History): NewJob[] {
  const jobs: NewJob[] = []
  const count = history.world.dice.whole(1, 4)
  for (let index = 0; index < count; index++) jobs.push(flowJob(history, jobs))
  return jobs
}

/** One job, and several dozen that wait for it: more than upkeep tells at once. Most often it ends without being run. */
function fanOut(history: History): NewJob[] {
  const { world, plan } = history
  const { dice } = world
  const common = { task: 'plain', rank: 2 as Rank, ...keptOf(history) }
  const member: NewJob = {
    ...common,
    id: world.id(),
    queue: dice.pick(plan.queues),
    input: '{"does":"quick","ms":40}',
    ...(dice.chance(0.7) && { due: { inMs: 4000 }, expires: { inMs: dice.pick([300, 1500]) } }),
  }
  const waiters = Array.from({ length: dice.whole(12, 40) }, (): NewJob => {
    const after = { on: [member.id], otherwise: dice.pick(['cancel', 'run'] as const) }
    return { ...common, id: world.id(), queue: plan.queues[0]!, input: '{"does":"quick","ms":0}', after }
  })
  return [member, ...waiters]
}

function keptOf({ plan, world: { dice } }: History): Pick<NewJob, 'keepSucceededMs' | 'keepFailedMs'> {
  const { succeededMs, failedMs } = plan.features.secondLives ? dice.pick(retentions) : plan.keep
  return { keepSucceededMs: succeededMs, keepFailedMs: failedMs }
}

function flowJob(history: History, before: readonly NewJob[]): NewJob {
  const { world, plan } = history
  const { dice } = world
  const { features } = plan
  const after = features.dependencies && dice.chance(0.6) ? memberIds(history, before) : []
  const followUp = (task: string) => ({
    task,
    queue: plan.queues[0]!,
    rank: 2 as Rank,
    keepSucceededMs: 86_400_000,
    keepFailedMs: 86_400_000,
  })

  return {
    id: world.id(),
    task: taskOf(world, plan),
    queue: dice.pick(plan.queues),
    rank: (features.ranks ? dice.below(4) : 2) as Rank,
    input: JSON.stringify(inputOf(dice)),
    ...keptOf(history),
    ...(features.lanes && dice.chance(0.6) && { lane: dice.pick(plan.queues.length > 1 ? lanes : lanes.slice(0, 1)) }),
    ...(features.orders && dice.chance(0.6) && { lane: line }),
    ...(features.rates && dice.chance(0.5) && { rate: { name: 'r', tokens: 2, perMs: 1500 } }),
    ...(after.length > 0 && { after: { on: after, otherwise: dice.pick(['cancel', 'run'] as const) } }),
    ...(features.held && dice.chance(0.25) && { held: true }),
    ...(features.delays && dice.chance(0.2) && { due: { inMs: dice.pick([200, 2500]) } }),
    ...(features.expiry && dice.chance(0.2) && { expires: { inMs: dice.pick([300, 1500]) } }),
    ...(features.followUps && dice.chance(0.3) && { onSucceeded: followUp('next') }),
    ...(features.followUps && dice.chance(0.3) && { onFailed: followUp('sorry') }),
  }
}

const lanes: readonly Lane[] = [
  { name: 'l0', slots: 1 },
  { name: 'l1', slots: 2 },
]
const line: Lane = { name: 'serial:x', slots: 1, ordered: true }

/** Of this call, and of what was added before. */
function memberIds(history: History, before: readonly NewJob[]): string[] {
  const { dice } = history.world
  const known = history.knownIds()
  const ids = before.filter(() => dice.chance(0.7)).map(({ id }) => id)
  if (known.length > 0 && dice.chance(0.4)) ids.push(dice.pick(known.slice(-8)))
  return [...new Set(ids)]
}
