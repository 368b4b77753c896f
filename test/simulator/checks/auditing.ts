/**
 * The audit: reads every job, and compares it with the book.
 *
 * What happened without anybody being told is learnt here, if it may have happened: rescues, expiries, cascades,
 * pruning, and whatever a caller did that died before it heard. Everything else that differs is a violation.
 */
import type { JobRecord, QueueCounts, WorkerRecord } from '../../../src/store/store.ts'
import { isFinal, jobStates } from '../../../src/job.ts'
import { shortId, type Life, type Page } from '../book.ts'
import type { Checker } from '../checker.ts'
import { foundGone } from './turning.ts'

/** Of whom it is not known what they did last. */
export interface Doubt {
  readonly life: Life | undefined
  readonly ids: ReadonlySet<string>
}

export interface Seen {
  readonly records: readonly JobRecord[]
  readonly counts: readonly QueueCounts[]
  readonly workers: readonly WorkerRecord[]
}

export function audit(checker: Checker, seen: Seen, doubt: Doubt | undefined): void {
  const there = new Set<string>()
  checkLives(checker, seen.workers)
  for (const record of seen.records) {
    there.add(record.id)
    const page = checker.book.pages.get(record.id)
    if (page) compare(checker, page, record, doubt)
  }
  for (const record of seen.records) if (!checker.book.pages.has(record.id)) found(checker, record, doubt)
  for (const page of checker.book.pages.values())
    if (page.there && !there.has(page.id)) missing(checker, page, doubt?.ids.has(page.id) ?? false)
  checkCounts(checker, seen)
}

function checkLives(checker: Checker, workers: readonly WorkerRecord[]): void {
  const alive = new Set(workers.map(({ incarnation }) => incarnation))
  for (const life of checker.book.lives.values()) {
    if (life.left && alive.has(life.id)) checker.violate('P29', `${life.actor.name} has left, and is thought alive`)
    if (life.gone && alive.has(life.id)) checker.violate('P5', `${life.actor.name} was rescued, and is thought alive`)
    if (!alive.has(life.id)) foundGone(checker, life)
  }
}

/** Of an id nobody knew: a follow-up that the store has made itself, or a call that died before it was answered. */
function found(checker: Checker, record: JobRecord, doubt: Doubt | undefined): void {
  const page = checker.discover(record)
  if (!page) return checker.violate('P7', `${shortId(record.id)} is there, and nobody added it`)
  compare(checker, page, record, doubt)
}

function missing(checker: Checker, page: Page, doubted: boolean): void {
  const { book } = checker
  if (doubted) page.removed = true
  else if (!checker.mayBePruned(page)) {
    const why = page.final ? `had ${page.final.state} and was to be kept` : 'was not final'
    checker.violate(page.final ? 'P16' : 'P1', `${shortId(page.id)} is missing, and it ${why}`)
  }
  // One that was removed and added again is not the one they wait for.
  for (const waiter of page.reopened ? [] : book.pages.values()) {
    if (!waiter.there || waiter.final || waiter.retriedByHand || !waiter.waitsOn.includes(page.id)) continue
    if (waiter.everClaimed || waiter.holder || page.removed) continue
    checker.look([waiter.id], ([record]) => {
      if (record && record.finishedAt === undefined)
        checker.violate('P16', `${shortId(page.id)} was pruned, and ${shortId(waiter.id)} has yet to read it`)
    })
  }
  if (!page.removed) checker.checkRemembered(page.id)
  page.there = false
  page.keyFreed = true
}

function compare(checker: Checker, page: Page, record: JobRecord, doubt: Doubt | undefined): void {
  const doubted = doubt?.ids.has(page.id) || (doubt?.life && record.incarnation === doubt.life.id)
  if (page.final) return compareFinal(checker, page, record, Boolean(doubted))
  if (doubted) return learn(checker, page, record)
  if (page.holder) compareHeld(checker, page, record, page.holder)
  else compareWaiting(checker, page, record)
  if (!page.final) compareNumbers(checker, page, record)
}

function compareFinal(checker: Checker, page: Page, record: JobRecord, doubted: boolean): void {
  const final = page.final!
  const id = shortId(page.id)
  if (record.state !== final.state) {
    const reopened = final.because !== undefined && checker.book.retries > 0 && !isFinal(record.state)
    if (reopened || doubted) return reopen(checker, page, record)
    return checker.violate('P6', `${id} had ${final.state} and is ${record.state} now`)
  }
  if (final.result !== undefined && (record.result ?? null) !== final.result)
    checker.violate('P6', `the result of ${id} has changed to ${record.result}`)
  if (final.at !== undefined && final.at !== record.finishedAt)
    checker.violate('P6', `${id} ended at ${final.at}, and now it is said ${record.finishedAt}`)
  if (final.because !== undefined) final.because = record.because
}

/** A step that was cancelled because of another waits for it again, or somebody died who retried it. */
function reopen(checker: Checker, page: Page, record: JobRecord): void {
  Object.assign(page, {
    final: undefined,
    cancel: 'no',
    plain: false,
    inLine: false,
    holdsLine: false,
    keyFreed: true,
    reopened: true,
  } satisfies Partial<Page>)
  if (record.state !== 'blocked' && !isFinal(record.state)) page.retriedByHand = true
  if (page.retriedByHand) checker.book.retries++
  learn(checker, page, record)
}

/** Whatever it says is taken over: somebody was at it who died. */
function learn(checker: Checker, page: Page, record: JobRecord): void {
  const { book } = checker
  checker.book.tallyIsCertain = false
  page.pastInDoubt = true
  page.input = record.input
  page.rank = record.rank
  page.plain = page.inLine = page.holdsLine = false
  page.gatheredAt = undefined
  page.goesOn = true
  page.attempts = attemptsOf(record)
  page.crashes = record.crashes
  page.progress = record.progress?.done
  page.notBefore = record.dueAt ?? -Infinity
  page.expiresAt = isFinal(record.state)
    ? undefined
    : (record.expiresAt ?? (record.state === 'running' ? page.expiresAt : undefined))
  if (record.cancelRequestedAt !== undefined && page.cancel === 'no') page.cancel = 'asked'
  if (record.state === 'running') return hold(checker, page, record)
  book.letGo(page)
  if (isFinal(record.state)) end(checker, page, record)
  else if (record.startedAt !== undefined) page.everClaimed = true
}

function hold({ book }: Checker, page: Page, { incarnation = '' }: JobRecord): void {
  const life = book.lives.get(incarnation)
  if (page.holder === life && life) return
  book.letGo(page)
  page.everClaimed = true
  if (!life || life.gone) page.lost = true
  else {
    // Under which claim is not known; its worker is dead, and nobody will ask.
    page.holder = life
    life.held.add(page)
  }
  if (page.job.unique?.scope === 'waiting') page.keyFreed = true
}

function compareHeld(checker: Checker, page: Page, record: JobRecord, holder: Life): void {
  const id = shortId(page.id)
  if (record.state === 'running' && record.incarnation === holder.id) {
    if ((record.cancelRequestedAt !== undefined) !== (page.cancel !== 'no'))
      checker.violate('P12', `the wish to cancel ${id} is ${page.cancel === 'no' ? 'there unasked' : 'forgotten'}`)
    return
  }
  checker.violate('P5', `${id} was taken from ${holder.actor.name}, and is ${record.state}`)
}

function compareWaiting(checker: Checker, page: Page, record: JobRecord): void {
  const id = shortId(page.id)
  const { state } = record
  if (page.lost) return seenAgain(checker, page, record)
  if (state === 'running') return checker.violate('P5', `${id} is running, and nobody was given it`)
  if (state === 'succeeded') return checker.violate('P6', `${id} succeeded, and nobody said so`)
  if (state === 'failed') return checker.violate('P13', `${id} failed, and nobody said so`)
  if (state === 'expired' && !(page.expiresAt !== undefined && page.expiresAt <= checker.world.latestWall))
    checker.violate('P12', `${id} expired before its time`)
  if (state === 'cancelled' && record.because === undefined)
    checker.violate('P12', `${id} was cancelled, and nobody asked for it`)
  if (record.incarnation !== undefined) checker.violate('P5', `${id} waits and still names a worker`)
  if (isFinal(state)) end(checker, page, record)
}

/** Its worker was lost: it was rescued since, or will be. */
function seenAgain(checker: Checker, page: Page, record: JobRecord): void {
  const id = shortId(page.id)
  const { state, crashes } = record
  if (state === 'running') return
  if (crashes !== page.crashes + 1) checker.violate('P14', `${id} lost a worker and counts ${crashes} crashes`)
  const fails = page.job.once || crashes > 2
  if (
    page.cancel !== 'no'
      ? state !== 'cancelled'
      : fails
        ? state !== 'failed'
        : state !== 'ready' && state !== 'cancelled'
  )
    checker.violate(page.cancel === 'no' ? 'P14' : 'P12', `${id} was rescued and is ${state}`)
  checker.book.count('rescued')
  page.crashes = crashes
  page.lost = false
  page.expiresAt = undefined
  if (isFinal(state)) end(checker, page, record)
}

function end(checker: Checker, page: Page, { state, result, finishedAt, because }: JobRecord): void {
  if (!isFinal(state)) return
  if (state === 'expired') checker.book.count('expired')
  checker.book.end(page, { state, result: result ?? null, at: finishedAt, because })
}

const attemptsOf = ({ state, attempt }: JobRecord) => (state === 'running' ? attempt - 1 : attempt)

function compareNumbers(checker: Checker, page: Page, record: JobRecord): void {
  const id = shortId(page.id)
  if (attemptsOf(record) !== page.attempts)
    checker.violate('P13', `${id} has had ${page.attempts} attempts and counts ${attemptsOf(record)}`)
  if (record.crashes !== page.crashes && !page.lost)
    checker.violate('P14', `${id} lost ${page.crashes} workers and counts ${record.crashes}`)
  if (record.input !== page.input) checker.violate('P1', `the input of ${id} has changed`)
  if (record.rank !== page.rank) checker.violate('P19', `the priority of ${id} has changed`)
  if (record.progress?.done !== page.progress)
    checker.violate('P31', `the progress of ${id} is ${record.progress?.done} instead of ${page.progress}`)
}

function checkCounts(checker: Checker, { records, counts }: Seen): void {
  for (const { queue, states } of counts) {
    for (const state of jobStates) {
      let recount = 0
      for (const record of records) if (record.queue === queue && record.state === state) recount++
      if (recount !== states[state])
        checker.violate('P31', `${queue} counts ${states[state]} ${state} jobs, and there are ${recount}`)
    }
  }
}
