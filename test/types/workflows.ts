/** Which steps fit which, as the compiler sees it (celery#7394). Only compiled, never run. */
import { z } from 'zod'
import {
  chain,
  chord,
  defineSignal,
  Errand,
  group,
  mapEach,
  settled,
  workflow,
  type DefinedSignal,
  type DefinedWorkflow,
  type WorkflowNode,
  type Ref,
  type Settled,
  type Step,
  type Task,
  type Workflow,
} from '../../src/index.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(_: Equal<A, B>): void {}

const errand = new Errand({ store: 'memory:' })
const fetch = errand.task('fetch', ({ url }: { url: string }) => ({ html: url, at: new Date() }))
const length = errand.task('length', ({ html }: { html: string }) => html.length)
const describe = errand.task('describe', (length: number) => `${length}`)
const sum = errand.task('sum', (all: number[]) => all.length)
const publish = errand.task('publish', (_: { html: string; to: string; draft?: boolean }) => true)
const tidy = errand.task('tidy', () => {})
const parsed = errand.task(
  'parsed',
  { input: z.object({ html: z.string(), tries: z.coerce.number().default(1) }) },
  () => 1,
)
const listed = errand.task('listed', () => [1, 2])
const paired = errand.task('paired', () => ['a', 1] as [string, number])
// @ts-expect-error: a flow that is returned would never run
errand.task('returned', () => chain(describe.with(1), tidy))
const page = { url: 'https://example.com' }
const approval = defineSignal<{ by: string }>('approved')

export async function right() {
  const chained = chain(fetch.with(page), length, describe)
  same<typeof chained, Step<void, string>>(true)
  same<Awaited<ReturnType<typeof handleOf>>, Workflow<string>>(true)
  const open = chain(length, describe)
  same<typeof open, Step<{ html: string }, string>>(true)
  const nested = chain(fetch.with(page), open, chain(describe.with(1), tidy))
  same<typeof nested, Step<void, null>>(true)

  const grouped = group(length.with({ html: '' }), describe.with(1))
  same<typeof grouped, Step<void, [number, string]>>(true)
  const shared = group(length, chain(length, describe), tidy.with())
  same<typeof shared, Step<{ html: string }, [number, string, null]>>(true)
  const dynamic = group(...[1, 2].map((n) => describe.with(n)))
  same<typeof dynamic, Step<void, string[]>>(true)

  const joined = chord(mapEach(length, [{ html: '' }]), sum)
  same<typeof joined, Step<void, number>>(true)
  const sliced = mapEach(sum, [1, 2, 3], { slice: 2 })
  same<typeof sliced, Step<void, number[]>>(true)

  const partial = publish.partial({ to: 'all' })
  same<typeof partial, Step<Omit<{ html: string; to: string; draft?: boolean }, 'to'>, boolean>>(true)
  chain(fetch.with(page), partial)
  chain(fetch.with(page), parsed)

  const watched = chain(
    settled(fetch.with(page)),
    errand.task('watch', (end: Settled<{ html: string; at: string }>) => end.state),
  )
  await errand.enqueue(watched, { delay: '5m', after: [await fetch.enqueue(page)], when: 'settled' })
  await errand.enqueue(tidy)
  errand.schedule('nightly', { every: '1d' }, chained)

  const inHandler = errand.task('in handler', async (n: number, job) => {
    const text = await job.run('describe', describe.with(n))
    same<typeof text, string>(true)
    const stored = await job.step('now', () => new Date())
    same<typeof stored, string>(true)
    const lost = await job.step('lost', () => new Map<string, number>())
    // @ts-expect-error: a Map cannot be stored, so no Map comes back
    lost.get('a')
    // @ts-expect-error: nor does anything that would fit elsewhere
    describe.with(lost)
    await errand.workflow('w').signal('go')
    await errand.workflow('w').signal('go', { by: 'Ada' } as unknown)
    // @ts-expect-error: a bigint cannot be stored
    await errand.workflow('w').signal('go', 5n)
    return text
  })
  same<typeof inHandler, Task<number, string>>(true)
}

export function graphs() {
  const publishing = workflow('publish', (w, input: Ref<{ url: string; to: string }>) => {
    const page = w.step(fetch, { url: input.url })
    const size = w.step(length, page.result)
    same<typeof size, WorkflowNode<number>>(true)
    const approved = w.waitFor(approval, { timeout: '2d', after: [size] })
    same<typeof approved, WorkflowNode<{ by: string }>>(true)
    const done = w.step(publish, { html: page.result.html, to: approved.result.by }, { priority: 'high' })
    w.step(tidy, undefined, { after: [done], when: 'settled' })
    w.step(sum, [size.result, 1])
    const list = w.step(listed)
    w.step(describe, list.result[0]!)
    w.step(describe, list.result.length)
    w.step(sum, list.result)
    w.step(describe, w.step(paired).result[1])
    // @ts-expect-error: there is no list yet whose items could be gone through
    w.step(sum, list.result.map(Number))
    // @ts-expect-error: nor one that could be compared
    void (list.result.length > 3)
    // @ts-expect-error: a pair has no third
    w.step(describe, w.step(paired).result[2])
    // @ts-expect-error: a reference to a number where a text belongs
    w.step(publish, { html: size.result, to: 'all' })
    // @ts-expect-error: no such field
    w.step(length, { html: page.result.htlm })
    // @ts-expect-error: a field is missing
    w.step(publish, { html: page.result.html })
    // @ts-expect-error: how it ended is not its result
    w.step(length, page.end)
    // @ts-expect-error: a flow that needs an input
    w.run(chain(length, describe))
    return done
  })
  same<typeof publishing, DefinedWorkflow<{ url: string; to: string }, boolean>>(true)
  chain(publishing.with({ url: '', to: '' }), tidy.with())
  // @ts-expect-error: its input is missing
  void errand.enqueue(publishing)
  void errand.enqueue(workflow('plain', (w) => w.step(tidy)))
}

export async function signals() {
  const flow = errand.workflow('w')
  const go = defineSignal('go')
  const price = defineSignal(
    'priced',
    z.object({ cents: z.coerce.number<string>(), at: z.date(), in: z.string().default('EUR') }),
  )
  const day = defineSignal<{ at: Date; note?: string }>('day')
  same<typeof go, DefinedSignal<void, null>>(true)
  same<typeof approval, DefinedSignal<{ by: string }, { by: string }>>(true)
  same<
    typeof price,
    DefinedSignal<{ cents: string; at: Date; in?: string | undefined }, { cents: number; at: string; in: string }>
  >(true)
  same<typeof day, DefinedSignal<{ at: Date; note?: string }, { at: string; note?: string }>>(true)
  await flow.signal(go)
  await flow.signal(approval, { by: 'Ada' })
  await flow.signal(price, { cents: '40', at: new Date() })
  await flow.signal(day, { at: new Date() })
  // @ts-expect-error: nothing belongs to it
  await flow.signal(go, 7)
  // @ts-expect-error: its value is missing
  await flow.signal(approval)
  // @ts-expect-error: a value of another type
  await flow.signal(approval, 'Ada')
  // @ts-expect-error: a field is missing
  await flow.signal(approval, {})
  // @ts-expect-error: no such field
  await flow.signal(approval, { by: 'Ada', why: 'x' })
  // @ts-expect-error: what the schema makes of it is not what it takes
  await flow.signal(price, { cents: 40, at: new Date() })
  // @ts-expect-error: a bigint cannot be stored
  defineSignal<bigint>('counted')
  // @ts-expect-error: nor what this schema makes of a text
  defineSignal('counted', z.coerce.bigint())

  workflow('waits', (w) => {
    const [named, priced] = [w.waitFor('approved'), w.waitFor(price)]
    same<typeof named, WorkflowNode<unknown>>(true)
    same<typeof priced, WorkflowNode<{ cents: number; at: string; in: string }>>(true)
    w.step(describe, priced.result.cents)
    w.step(
      errand.task('decided', (_: Settled<{ by: string }>) => {}),
      w.waitFor(approval).end,
    )
    // @ts-expect-error: a text where a number belongs
    w.step(describe, priced.result.at)
    // @ts-expect-error: of a plain name nothing is known
    w.step(describe, named.result)
    // @ts-expect-error: a type that nobody who sends it is held to
    return w.waitFor<number>('approved')
  })
}

async function handleOf() {
  return errand.enqueue(chain(fetch.with(page), length, describe))
}

export async function wrong() {
  // @ts-expect-error: a number is not { html }
  chain(describe.with(1), describe)
  // @ts-expect-error: the first step still lacks its input
  await errand.enqueue(chain(fetch, length))
  // @ts-expect-error: a task that lacks its input
  await errand.enqueue(length)
  // @ts-expect-error: the third does not fit the second
  chain(fetch.with(page), length, sum)
  // @ts-expect-error: a chain within a chain that does not fit
  chain(describe.with(1), chain(length, describe))
  const texts = errand.task('texts', (_: string[]) => 1)
  // @ts-expect-error: the results are numbers, and texts are wanted
  chord(mapEach(length, [{ html: '' }]), texts)
  // @ts-expect-error: members that cannot be given the same
  await errand.enqueue(chain(fetch.with(page), group(length, describe)))
  // @ts-expect-error: no such field
  publish.partial({ too: 'all' })
  // @ts-expect-error: a field of another type
  publish.partial({ to: 7 })
  // @ts-expect-error: the step before does not give `to`
  chain(fetch.with(page), publish)
  // @ts-expect-error: an id belongs to the whole, not to a step
  tidy.with(undefined, { id: 'x' })
  // @ts-expect-error: how it ended is not its result
  chain(settled(fetch.with(page)), length)
  // @ts-expect-error: one way of saying when
  errand.schedule('both', { every: '1d', cron: '0 9 * * *' }, tidy.with())
  // @ts-expect-error: a zone is for a crontab rule
  errand.schedule('zoned', { every: '1d', zone: 'Europe/Paris' }, tidy.with())
  // @ts-expect-error: a schedule's flow needs its input
  errand.schedule('nightly', { every: '1d' }, chain(length, describe))
  // @ts-expect-error: inputs of another type
  mapEach(length, [1, 2])
}
