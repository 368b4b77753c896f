/** A producer: enqueues at its pace, and writes down before and after what it asked and was told. */
import { ErrandError, StoreFullError } from 'errand'
import type { Tasks } from './child.ts'
import type { LedgerWriter } from './ledger.ts'
import { between, seeded } from './random.ts'

export interface ProducePlan {
  /** How many in all. */
  readonly jobs: number
  /** How many are asked for at once. */
  readonly together: number
  /** From one round to the next. */
  readonly everyMs: number
  /** The longest a handler takes. */
  readonly longestMs: number
  /** @default 0 */
  readonly shortestMs?: number
  /** One job in so many throws at its first attempt. @default none */
  readonly flakyEvery?: number
  /** One job in so many is delayed, by up to a second. @default none */
  readonly delayedEvery?: number
  /** The n-th kills whoever runs it. @default none */
  readonly poison?: number
  readonly task?: 'work' | 'hold' | 'stall'
  /** Gives up for good when the store is full. @default false */
  readonly untilFull?: boolean
  readonly seed: number
}

export async function produce(
  tasks: Tasks,
  plan: ProducePlan,
  by: string,
  ledger: LedgerWriter,
  full: (id: string) => void,
): Promise<void> {
  const random = seeded(plan.seed)
  let stopped = false

  async function ask(nth: number): Promise<void> {
    const id = `${by}-${nth}`
    ledger.write('intent', { kind: 'try', id })
    try {
      await enqueue(tasks, plan, nth, id, random)
      ledger.write('intent', { kind: 'ack', id })
    } catch (error) {
      noteFailure(ledger, id, error)
      if (!(error instanceof StoreFullError)) return
      full(id)
      stopped = plan.untilFull ?? false
    }
  }

  for (let next = 0; next < plan.jobs && !stopped; next += plan.together) {
    const round = Math.min(plan.together, plan.jobs - next)
    await Promise.all(Array.from({ length: round }, (_, index) => ask(next + index)))
    if (plan.everyMs > 0) await new Promise((resolve) => void setTimeout(resolve, plan.everyMs))
  }
}

function enqueue(tasks: Tasks, plan: ProducePlan, nth: number, id: string, random: () => number) {
  const is = (every: number | undefined) => every !== undefined && nth % every === every - 1
  const task = nth === plan.poison ? tasks.poison : is(plan.flakyEvery) ? tasks.flaky : tasks[plan.task ?? 'work']
  const ms = between(random, plan.shortestMs ?? 0, plan.longestMs)
  const delay = is(plan.delayedEvery) ? { delay: Math.round(random() * 1000) } : {}

  return task.enqueue({ ms }, { id, ...delay })
}

function noteFailure(ledger: LedgerWriter, id: string, error: unknown): void {
  // What is not an error of Errand's, or says so itself, may have happened.
  const known = error instanceof ErrandError && error.outcome === 'none'
  if (known) ledger.write('intent', { kind: 'refused', id, code: error.code })
  else ledger.write('intent', { kind: 'unknown', id })
}
