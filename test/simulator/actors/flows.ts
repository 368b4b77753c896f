/** Workflows: what is asked for, and what steps make of what they are given. */
import { chain, chord, group, mapEach, settled } from '../../../src/workflow/compose.ts'
import { workflow, type Wired } from '../../../src/workflow/workflow.ts'
import type { JobContext } from '../../../src/task/context.ts'
import type { Step } from '../../../src/task/step.ts'
import type { Actor } from '../actor.ts'
import { shortId } from '../book.ts'
import type { History } from '../history.ts'
import { trying } from './others.ts'
import { inputOf } from './producer.ts'
import type { App, Input } from './tasks.ts'

/** What every handler gives. */
interface Given {
  readonly id: string
  readonly claim: number
}

export function someFlow(history: History, app: App): Step<void, unknown> {
  const { dice } = history.world
  const { link, parent } = app.tasks
  const leaf = () => link.with(inputOf(dice))
  const width = dice.whole(0, 4)
  const inputs = Array.from({ length: width }, () => inputOf(dice))

  return dice.weighted<() => Step<void, unknown>>([
    [3, () => chain(leaf(), link, link)],
    [2, () => group(leaf(), leaf())],
    [4, () => chord(mapEach(link, inputs), link)],
    [1, () => chord(group(settled(leaf()), settled(leaf())), link)],
    [2, () => chain(leaf(), group(link, link), link)],
    [2, () => approval(app).with(inputOf(dice))],
    [4, () => parent.with(parentInput(history))],
    [2, () => chain(parent.with(parentInput(history)), link)],
  ])()
}

/** Steps that wait for time and for somebody. */
const approval = ({ tasks: { link } }: App) =>
  workflow<unknown, Input>('approval', (w, input) => {
    const first = w.step(link, input as Wired<unknown>)
    const word = w.waitFor('word', { timeout: 2500 })
    const rest = w.sleep(300, { after: [first] })

    return w.step(link, [first.result, word.end] as Wired<unknown>, { after: [rest] })
  })

const parentInput = ({ world: { dice } }: History): ParentInput => ({
  kids: Array.from({ length: dice.whole(0, 3) }, () => inputOf(dice)),
  napMs: dice.pick([0, 50, 900]),
  catches: dice.chance(0.3),
})

interface ParentInput {
  readonly kids: readonly Input[]
  readonly napMs: number
  readonly catches: boolean
}

/** Somebody asks for one, until it is in; then it is signalled, cancelled or retried, perhaps. */
export async function enqueueFlow(history: History, actor: Actor, app: App): Promise<number> {
  const { world } = history
  const { dice } = world
  const flow = someFlow(history, app)
  const id = world.id()
  for (;;) {
    try {
      const handle = await app.errand.enqueue(flow, { id })
      history.acknowledged(handle.id)
      void meddle(history, actor, app, id)
      return 3
    } catch {
      if (dice.chance(0.2)) return 3
      await actor.sleep(100 + dice.next() * 400)
    }
  }
}

async function meddle(history: History, actor: Actor, app: App, id: string): Promise<void> {
  const { dice } = history.world
  const flow = app.errand.workflow(id)
  const mine = { actor }
  history.meddling.add(mine)
  await actor.sleep(dice.next() * 2000)
  if (dice.chance(0.6)) await trying(flow.signal('word', 1))
  if (dice.chance(0.15)) await trying(flow.cancel())
  await actor.sleep(dice.next() * 2000)
  if (dice.chance(0.2)) await trying(flow.retry())
  history.meddling.delete(mine)
}

/** A handler that does something once, starts a flow, waits for it, and rests. */
export async function act(history: History, app: App, input: Partial<ParentInput>, job: JobContext): Promise<void> {
  const { kids = [], napMs = 0, catches = false } = input
  await job.step('once', () => noteStep(history, job))
  try {
    const [given, other] = await Promise.all([
      job.run('kids', mapEach(app.tasks.link, kids)),
      job.run('one', app.tasks.link.with({ does: 'quick', ms: 3 })),
    ])
    checkGiven(history, job, [...given, other])
  } catch (error) {
    if (!catches || (error as Error).name === 'Suspended') throw error
  }
  if (napMs > 0) await job.sleep('nap', napMs)
}

/** In the midst of its order it waits, for time or for a flow. */
export async function rest({ world: { dice } }: History, app: App, job: JobContext): Promise<void> {
  if (dice.chance(0.2)) await job.sleep('rest', dice.pick([30, 400]))
  if (dice.chance(0.15)) await job.run('aside', app.tasks.link.with({ does: 'quick', ms: 3 }))
}

/** What was stored is not done again. */
function noteStep({ checker }: History, { id }: JobContext): number {
  const page = checker.book.pages.get(id)
  if (page && !page.stepsInDoubt && page.steps.has('once'))
    checker.violate('P9', `${shortId(id)} did its step again, though its result was recorded`)

  return 1
}

/** Results of other steps, wherever they stand: they are those that were recorded, each of them once. */
export function checkGiven({ checker }: History, { id }: JobContext, input: unknown): void {
  const all = givenIn(input)
  if (new Set(all.map((given) => given.id)).size < all.length)
    checker.violate('P9', `${shortId(id)} was given the result of a step twice`)
  for (const given of all) {
    const page = checker.book.pages.get(given.id)
    if (!page || page.reopened) continue
    if (!page.final)
      checker.violate('P9', `${shortId(id)} was given a result of ${shortId(given.id)}, which has not ended`)
    const { state, result } = page.final ?? {}
    if (state === 'succeeded' && typeof result === 'string' && (JSON.parse(result) as Given).claim !== given.claim)
      checker.violate('P9', `${shortId(id)} was given another result of ${shortId(given.id)} than was recorded`)
  }
}

function givenIn(input: unknown): Given[] {
  if (typeof input !== 'object' || input === null) return []
  const { id, claim } = input as Partial<Given>
  if (typeof id === 'string' && typeof claim === 'number') return [{ id, claim }]

  return Object.values(input).flatMap(givenIn)
}
