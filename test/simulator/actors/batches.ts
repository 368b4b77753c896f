/** Batches: one call of a handler for many jobs, each of which ends as it is answered. */
import { Fatal, RetryAfter, WorkerStoppingError } from '../../../src/errors.ts'
import type { BatchAnswer, BatchContext, BatchItem } from '../../../src/task/batch.ts'
import type { Actor } from '../actor.ts'
import { shortId } from '../book.ts'
import type { History } from '../history.ts'
import { claimOf, deafMs, heed, mostAttempts, mostSlots, type Input } from './tasks.ts'

interface Given {
  readonly items: readonly BatchItem<Input>[]
  readonly batch: BatchContext
  readonly slots: number
  readonly timeoutMs: number
}

export async function runBatch(history: History, actor: Actor, given: Given): Promise<BatchAnswer<unknown>[]> {
  const { items, batch } = given
  checkBatch(history, items)
  begin(history, actor, given)
  try {
    await act(actor, items[0]!.input, batch)
    const answers = items.map((item) => answerOf(history, item))
    if (answers.length > 1 && history.world.dice.chance(0.05)) answers.pop()
    end(history, actor, items, answers)
    return answers
  } catch (error) {
    end(history, actor, items, [])
    throw error
  }
}

/** All of one key and queue, each once, and no more than may come together. */
function checkBatch({ checker, plan }: History, items: readonly BatchItem<Input>[]): void {
  const pages = items.flatMap(({ job }) => checker.book.pages.get(job.id) ?? [])
  const groups = new Set(pages.map(({ job }) => `${job.queue} ${job.lane?.name}`))
  if (items.length === 0 || items.length > plan.batch.size)
    checker.violate('P18', `a batch of ${plan.batch.size} was handed ${items.length} items`)
  if (new Set(pages).size < items.length) checker.violate('P7', `a batch was handed one of its items twice`)
  if (groups.size > 1) checker.violate('P21', `a batch was handed items of ${[...groups].join(' and ')}`)
}

function begin({ checker, resized }: History, actor: Actor, { items, slots, timeoutMs }: Given): void {
  const most = resized ? mostSlots : slots
  items.forEach(({ job }, index) =>
    checker.runs.start(actor, most, {
      id: job.id,
      claim: claimOf(job),
      attempt: job.attempt,
      mostAttempts: mostAttempts.bulk,
      isTold: () => job.signal.aborted,
      timeoutMs,
      shares: index > 0,
    }),
  )
}

/** What all of them meet together is said by the first. */
async function act(actor: Actor, { does, ms, own = false }: Input, batch: BatchContext): Promise<void> {
  if (does === 'deaf') return actor.sleep(deafMs)
  if (does === 'hangs') return heed(actor, deafMs, batch.signal, own)
  if (ms > 0) await heed(actor, ms, batch.signal, own)
  if (does === 'throws') throw new Error('none of them')
}

function answerOf({ checker }: History, { input, job }: BatchItem<Input>): BatchAnswer<unknown> {
  const { does, ms, bad = 0 } = input
  const claim = claimOf(job)
  if (does === 'fatal') return { error: new Fatal('never') }
  if (job.attempt <= bad) return { error: new Error('not this one') }
  if (does !== 'later' || job.attempt > 1) return { ok: { id: job.id, claim } }
  checker.runs.asksForLater(job.id, claim, ms)

  return { error: new RetryAfter(ms) }
}

/** With another number of answers than of items, nobody can say whose is whose. */
function end(
  { checker }: History,
  actor: Actor,
  items: readonly BatchItem<Input>[],
  answers: BatchAnswer<unknown>[],
): void {
  const fits = answers.length === items.length
  const well = answers.filter(({ error }) => error === undefined).length
  if (!fits) checker.happened('a batch failed whole')
  else if (well > 0 && well < answers.length) checker.happened('an item failed alone')
  items.forEach(({ job }, index) => {
    const stopped = job.signal.reason instanceof WorkerStoppingError
    const badly = !fits || answers[index]!.error !== undefined
    checker.runs.end(actor, job.id, claimOf(job), !badly ? 'well' : stopped && !fits ? 'interrupted' : 'badly')
  })
  if (!items.every(({ job }) => checker.book.pages.has(job.id)))
    checker.violate('P1', `${items.map(({ job }) => shortId(job.id)).join()}: not all of them are known`)
}
