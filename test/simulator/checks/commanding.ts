/** What an operator asks of jobs is done, and is answered truly. */
import type {
  CancelAnswer,
  ChangeAnswer,
  ControlMessage,
  JobChange,
  ReleaseAnswer,
  RemoveAnswer,
  Report,
  ReportAnswer,
  RetryAnswer,
  UpkeepResult,
} from '../../../src/store/store.ts'
import { momentOf, shortId, type Life, type Page } from '../book.ts'
import type { Checker } from '../checker.ts'
import { heldBy } from './turning.ts'

const isHeld = ({ holder, lost }: Page) => holder !== undefined || lost

export function cancelled(checker: Checker, ids: readonly string[], answers: readonly CancelAnswer[]): void {
  forEachKnown(checker, ids, answers, (page, answer) => {
    const id = shortId(page.id)
    if (answer === 'cancelled') {
      if (page.holder && !page.holder.left && checker.world.monotonic < page.holder.surelyUntil)
        checker.violate('P12', `${id} was cancelled under its worker's hands`)
      if (page.final) checker.violate('P6', `${id} was cancelled, though it had ${page.final.state}`)
      else checker.book.end(page, { state: 'cancelled', at: checker.world.wall() })
    }
    if (answer === 'cancelling') {
      if (!isHeld(page)) checker.violate('P12', `${id} is said to be cancelling, and nobody runs it`)
      else if (page.cancel === 'no') page.cancel = 'asked'
    }
  })
}

export function retried(checker: Checker, ids: readonly string[], answers: readonly RetryAnswer[]): void {
  const again = ids.filter((_, index) => answers[index] === 'retried')
  checkWaitersBlockAgain(checker, again)
  doubtExpiryOfWaiters(checker, again)
  forEachKnown(checker, ids, answers, (page, answer) => {
    if (answer !== 'retried') return
    endedUnseen(checker, page)
    if (page.holder && checker.world.monotonic < page.holder.surelyUntil)
      checker.violate('P6', `${shortId(page.id)} was retried under its worker's hands`)
    checker.book.letGo(page)
    checker.book.retries++
    Object.assign(page, {
      final: undefined,
      attempts: 0,
      crashes: 0,
      cancel: 'no',
      plain: false,
      inLine: false,
      holdsLine: false,
      gatheredAt: undefined,
      goesOn: false,
      expiresAt: undefined,
      notBefore: -Infinity,
      retriedByHand: !page.job.held,
      reopened: true,
      keyFreed: true,
      progress: undefined,
    } satisfies Partial<Page>)
  })
  if (answers.includes('retried')) checker.audit()
}

export function removed(checker: Checker, ids: readonly string[], answers: readonly RemoveAnswer[]): void {
  forEachKnown(checker, ids, answers, (page, answer) => {
    if (answer !== 'removed') return
    endedUnseen(checker, page)
    if (page.holder && checker.world.monotonic < page.holder.surelyUntil)
      checker.violate('P16', `${shortId(page.id)} was removed under its worker's hands`)
    checker.book.letGo(page)
    page.there = false
    page.removed = true
    page.keyFreed = true
  })
  if (answers.includes('removed')) checker.audit()
}

/** Steps that were cancelled because of one of these wait for it again, or because of another now. */
function checkWaitersBlockAgain(checker: Checker, ids: readonly string[]): void {
  const waiters = [...checker.book.pages.values()].filter(
    ({ there, final, waitsOn }) =>
      there && final?.because !== undefined && ids.includes(final.because) && waitsOn.includes(final.because),
  )
  if (waiters.length === 0) return
  checker.look(
    waiters.map(({ id }) => id),
    (records) => {
      for (const record of records) {
        const { because } = record ?? {}
        if (record?.state === 'cancelled' && because !== undefined && ids.includes(because))
          checker.violate('P9', `${shortId(record.id)} stays cancelled, though ${shortId(because)} was retried`)
      }
    },
  )
}

/** Between two looks they may have been cancelled because of one of these and blocked again, and then no expiry is left. */
function doubtExpiryOfWaiters({ book }: Checker, ids: readonly string[]): void {
  const again = new Set(ids)
  for (const page of book.pages.values()) {
    if (!page.waitsOn.some((id) => again.has(id))) continue
    again.add(page.id)
    page.expiryInDoubt = true
  }
}

/** How it ended can no longer be read, so it cannot be counted. */
function endedUnseen({ book }: Checker, page: Page): void {
  if (page.final) return
  book.tallyIsCertain = false
  page.endsInDoubt = true
}

export function changed(checker: Checker, ids: readonly string[], change: JobChange, answers: ChangeAnswer[]): void {
  forEachKnown(checker, ids, answers, (page, answer) => {
    if (answer !== 'changed') return
    if (page.final || (page.holder && checker.world.monotonic < page.holder.surelyUntil))
      checker.violate('P6', `${shortId(page.id)} was changed, though it does not wait`)
    const { rank, due, input } = change
    if (rank !== undefined) page.rank = rank
    if (input !== undefined) page.input = input
    if (!due) return
    page.notBefore = momentOf(due, checker.world.wall())!
    page.plain = page.inLine = page.holdsLine = false
    page.gatheredAt = undefined
  })
}

export function released(
  checker: Checker,
  held: readonly { readonly id: string; readonly result: string | null }[],
  answers: readonly ReleaseAnswer[],
): void {
  const ids = held.map(({ id }) => id)
  forEachKnown(checker, ids, answers, (page, answer) => {
    if (answer !== 'released') return
    if (!page.job.held || page.final) checker.violate('P9', `${shortId(page.id)} was released, and it was not held`)
    const { result } = held.find(({ id }) => id === page.id)!
    checker.book.end(page, { state: 'succeeded', result, at: checker.world.wall() })
  })
}

/** 'unknown' is a lie where a job must be there. */
function forEachKnown<A extends string>(
  checker: Checker,
  ids: readonly string[],
  answers: readonly A[],
  look: (page: Page, answer: A) => void,
): void {
  ids.forEach((id, index) => {
    const page = checker.book.pages.get(id)
    const answer = answers[index]!
    if (answer === 'unknown') {
      if (page?.there && !checker.mayBePruned(page)) checker.violate('P1', `${shortId(id)} is unknown to the store`)
    } else if (page) look(page, answer)
  })
}

export function reported(checker: Checker, life: Life, reports: readonly Report[], answers: ReportAnswer[]): void {
  reports.forEach((report, index) => {
    const page = life.gone || life.left ? undefined : heldBy(checker, life, report.claim)
    const answer = answers[index]!
    const first = report.kind === 'step' && !page?.steps.has(report.name)
    const expected = !page ? 'stale' : report.kind === 'step' && !first ? 'duplicate' : 'written'
    if (answer !== expected) {
      // Its lease may be over without anybody having heard of it.
      if (answer === 'stale' && page && checker.world.monotonic >= life.surelyUntil) return
      if (answer === 'duplicate' && report.kind === 'step' && page?.stepsInDoubt) return
      checker.violate('P5', `a ${report.kind} of ${shortId(report.claim.id)} was ${answer} instead of ${expected}`)
    }
    if (!page || answer !== 'written') return
    if (report.kind === 'step') page.steps.set(report.name, report.result)
    if (report.kind === 'log') page.lines++
    if (report.kind === 'progress') page.progress = report.progress.done
  })
}

export function sent({ book }: Checker, to: string, message: ControlMessage): void {
  for (const life of book.lives.values()) {
    if (life.gone || life.left || (to !== 'all' && to !== life.id)) continue
    life.messages?.set(message.kind, JSON.stringify(message))
  }
}

/** Silence of the store is not silence of its workers. */
export function keptUp(checker: Checker, { rescued, expired, spread, pruned }: UpkeepResult): void {
  const { book, world } = checker
  const silentMs = world.monotonic - book.lastUpkeepAt
  book.lastUpkeepAt = world.monotonic
  let judged = false

  for (const life of book.lives.values()) {
    if (life.gone || life.left) continue
    if (silentMs > Math.max(life.leaseMs, 8000) / 2)
      life.surelyUntil = Math.max(life.surelyUntil, world.monotonic + life.leaseMs)
    else if (world.monotonic >= life.surelyUntil) judged = true
  }
  if (judged || rescued + expired + spread + pruned > 0) checker.audit()
}
