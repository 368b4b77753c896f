/** What must compile, and what must not. Only compiled, never run. */
import { z } from 'zod'
import type { Fits, Kept, Plain } from '../../src/task/stored.ts'
import { Errand, shape, type JobHandle, type Task } from '../../src/index.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(_: Equal<A, B>): void {}

const errand = new Errand({ store: 'memory:' })

const email = errand.task(
  'email',
  { input: z.object({ to: z.string(), tries: z.coerce.number().default(3) }) },
  async (input, job) => {
    same<typeof input, { to: string; tries: number }>(true)
    await job.progress(1, { of: 2 })
    return { id: 'x', sentAt: new Date() }
  },
)
same<typeof email extends Task<infer I, unknown> ? I : never, { to: string; tries?: unknown }>(true)

export async function right() {
  const handle = await email.enqueue({ to: 'a@b.c' }, { priority: 'high', delay: '5m', unique: 'a' })
  same<typeof handle, JobHandle<{ id: string; sentAt: string }>>(true)
  const { sentAt } = await handle.result({ timeout: '30s' })
  same<typeof sentAt, string>(true)
  same<ReturnType<(typeof email)['job']>, JobHandle<{ id: string; sentAt: string }>>(true)

  const tick = errand.task('tick', async () => {})
  await tick.enqueue()
  const nothing = await (await tick.enqueue()).result()
  same<typeof nothing, null>(true)

  const add = errand.task('add', async ({ a, b }: { a: number; b: number }) => a + b)
  const sum = await (await add.enqueue({ a: 1, b: 2 })).result()
  same<typeof sum, number>(true)

  const dated = errand.task('dated', { input: shape<{ when: Date }>() }, ({ when }) => when.getTime())
  await dated.enqueue({ when: new Date() })
}

/** What the compiler says of a handler is the reason, and no count of arguments. */
export function told() {
  same<
    Fits<Plain<{ when?: Date }>>,
    {
      readonly error: 'this input does not come back from JSON as it is typed, as a Date would be a text: give a schema'
    }
  >(true)
  same<Fits<Kept<bigint>>, { readonly error: 'this result cannot be stored: JSON has no such value' }>(true)
  same<Fits<Plain<{ when?: string }>>, unknown>(true)
}

export async function wrong() {
  // @ts-expect-error: a field of the wrong type
  await email.enqueue({ to: 7 })
  // @ts-expect-error: the input is missing
  await email.enqueue()
  // @ts-expect-error: an unknown option
  await email.enqueue({ to: 'a@b.c' }, { prio: 'high' })
  // @ts-expect-error: no such priority
  await email.enqueue({ to: 'a@b.c' }, { priority: 'highest' })
  // @ts-expect-error: an unknown option beside a schema
  errand.task('a', { input: z.object({}), retries: 3 }, () => 1)
  // @ts-expect-error: a Date does not come back from JSON as a Date
  errand.task('b', async ({ when }: { when: Date }) => when)
  // @ts-expect-error: no bigint can be kept
  errand.task('c', () => 5n)
  // @ts-expect-error: nor with options
  errand.task('d', { retry: 3 }, async (_n: number) => 5n)
  // @ts-expect-error: nor with a schema
  errand.task('e', { input: z.object({}) }, () => new Map())
  errand.task('f', (): never => {
    throw new Error('It never gives anything')
  })
  // @ts-expect-error: an id cannot be shared by many
  await email.enqueueMany([{ to: 'a@b.c' }], { id: 'x' })
}

const declared = errand.declare('declared', {
  input: z.object({ n: z.number() }),
  output: z.object({ half: z.number() }),
})
const returning = errand.declare('returning', { input: z.object({ n: z.number() }) }).returns<{ half: number }>()

export async function declaring() {
  errand.handle(declared, ({ n }) => ({ half: n / 2 }))
  errand.handle(returning, async ({ n }) => ({ half: n / 2 }))
  const { half } = await (await declared.enqueue({ n: 4 })).result()
  same<typeof half, number>(true)
  same<Awaited<ReturnType<Awaited<ReturnType<typeof returning.enqueue>>['result']>>, { half: number }>(true)

  // @ts-expect-error: the wrong result
  errand.handle(declared, ({ n }) => ({ half: String(n) }))
  // @ts-expect-error: the wrong result, without a schema
  errand.handle(returning, () => 3)

  const bare = errand.declare('bare')
  errand.handle(bare, () => {})
  await bare.enqueue()
  const typed = errand.declare<{ n: number }>('typed', { queue: 'numbers' }).returns<number>()
  errand.handle(typed, ({ n }) => n + 1)
  same<Awaited<ReturnType<Awaited<ReturnType<typeof typed.enqueue>>['result']>>, number>(true)

  // @ts-expect-error: its declaration says nothing of an input
  await bare.enqueue({ n: 1 })
  // @ts-expect-error: the input is not as declared
  await typed.enqueue({ m: 1 })
  // @ts-expect-error: a Date does not come back from JSON as a Date
  errand.declare<{ when: Date }>('dated')
}

export function context() {
  const withUser = errand.use<{ user: { name: string } }>({ run: (_job, next) => next({ user: { name: 'Ann' } }) })
  withUser.task('greet', (_input: void, job) => {
    same<typeof job.user.name, string>(true)
    job.followUp(email, { to: 'a@b.c' })
    // @ts-expect-error: a follow-up's input is checked too
    job.followUp(email, { to: 1 })
  })
}

export function heterogeneous(tasks: readonly Task<any, any>[]) {
  return tasks.map(({ name }) => name)
}
heterogeneous([email, declared])

export async function generic<I extends object, R>(task: Task<I, R>, input: I): Promise<R> {
  const [handle] = await task.enqueueMany([input])
  return handle!.result()
}
