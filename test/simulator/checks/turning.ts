/** The fence: what a turn recorded is exactly what its worker still held. */
import type { ClaimedJob, ControlMessage, GivenBack, Settlement, Turn, TurnResult } from '../../../src/store/store.ts'
import { shortId, type Life, type Page } from '../book.ts'
import type { Checker } from '../checker.ts'
import { claimed } from './claiming.ts'
import { closeRate } from './limiting.ts'

type Ref = { readonly id: string; readonly claim: number }
const named = ({ id, claim }: Ref) => `${id}@${claim}`

export function turned(checker: Checker, life: Life, turn: Turn, answer: TurnResult): void {
  life.turned = true
  if (answer.gone) return foundGone(checker, life)
  if (life.gone || life.left) return checker.violate('P5', `a turn of ${life.actor.name} was answered after its rescue`)

  const stale = turn.settled.filter((each) => !settle(checker, life, each)).map(({ claim }) => named(claim))
  for (const back of turn.givenBack) {
    const page = heldBy(checker, life, back.claim)
    if (page) giveBack(checker, page, back)
    else stale.push(named(back.claim))
  }
  checkStale(checker, life, stale, answer.stale.map(named))
  checkCancels(checker, life, answer.cancels)
  checkMessages(checker, life, answer.messages)
  renew(checker, life)
  claimed(checker, life, turn, answer.claimed)
}

/** A lease is written at the latest when a third of it is used. */
export function renew({ world }: Checker, life: Life): void {
  life.surelyUntil = Math.max(life.surelyUntil, world.monotonic + (life.leaseMs * 2) / 3)
}

export function foundGone(checker: Checker, life: Life): void {
  if (life.gone || life.left) return
  if (checker.world.monotonic < life.surelyUntil)
    checker.violate('P4', `${life.actor.name} was taken for dead before its lease was over`)
  checker.book.lose(life)
}

export function resynced(checker: Checker, life: Life, answer: { held: ClaimedJob[] } | 'gone'): void {
  if (answer === 'gone') return foundGone(checker, life)
  if (life.gone || life.left) return checker.violate('P5', `${life.actor.name} was answered after its rescue`)

  const told = new Set(answer.held.map(named))
  const known = new Set([...life.held].map(named))
  for (const job of answer.held)
    if (!known.has(named(job))) checker.violate('P5', `resync tells of ${named(job)}, which is not held`)
  for (const page of life.held) {
    if (!told.has(named(page))) checker.violate('P1', `resync forgets ${named(page)}, which is held`)
  }
  for (const job of answer.held) {
    const page = checker.book.pages.get(job.id)
    if (page && (page.cancel !== 'no') !== Boolean(job.cancelRequested))
      checker.violate('P12', `resync tells wrongly whether ${shortId(job.id)} is to be cancelled`)
    checkSteps(checker, page, job)
  }
}

/** What is still to be told to its worker counts as told: it has heard what it holds. */
export function checkSteps(checker: Checker, page: Page | undefined, job: ClaimedJob): void {
  if (!page || page.stepsInDoubt) return
  const told = Object.entries(job.steps ?? {})
  if (told.length !== page.steps.size || told.some(([name, result]) => page.steps.get(name) !== result))
    checker.violate('P9', `${shortId(job.id)} was handed out with other step results than were recorded`)
}

export function leftInOrder(checker: Checker, life: Life): void {
  if (!life.gone) for (const page of life.held) giveBack(checker, page, {})
  life.left = true
}

export function heldBy({ book }: Checker, life: Life, { id, claim }: Ref): Page | undefined {
  const page = book.pages.get(id)
  return page?.holder === life && page.claim === claim ? page : undefined
}

/** False where the claim is stale by the book. */
function settle(checker: Checker, life: Life, settlement: Settlement): boolean {
  const page = heldBy(checker, life, settlement.claim)
  if (!page) return false

  checker.runs.settledAs(life, settlement)
  apply(checker, page, settlement)
  return true
}

function apply(checker: Checker, page: Page, { outcome, followUps, keepsSlot, closesRateMs = 0 }: Settlement): void {
  const { book, world } = checker
  const kind = page.cancel === 'no' ? outcome.kind : 'cancelled'
  const at = world.wall()
  book.count(kind)
  book.letGo(page)
  page.expiresAt = undefined
  page.plain = page.inLine = false
  page.holdsLine = keepsSlot === true
  closeRate(checker, page, closesRateMs)
  if (kind !== 'wait') page.attempts++
  if (kind === 'retry' || kind === 'failed') page.failed++
  if (kind === 'cancelled') return book.end(page, { state: 'cancelled', at })
  if (outcome.kind === 'succeeded') {
    book.end(page, { state: 'succeeded', result: outcome.result, at })
    for (const job of followUps ?? []) book.add(job, at).parent = page.id
  } else if (outcome.kind === 'failed') book.end(page, { state: 'failed', at })
  else if (outcome.kind === 'retry') {
    page.notBefore = at + outcome.delayMs
    page.goesOn = false
  } else if (outcome.kind === 'wait') {
    // With a time of its own it may go on before them.
    if (!outcome.delayMs) page.waitsOn = [...page.waitsOn, ...outcome.on]
    page.goesOn = true
    page.notBefore = outcome.on.length === 0 ? at + (outcome.delayMs ?? 0) : -Infinity
  }
}

function giveBack({ book, world }: Checker, page: Page, { delayMs = 0, started }: Omit<GivenBack, 'claim'>): void {
  if (started) page.expiresAt = undefined
  else book.forgetStart(page)
  book.letGo(page)
  if (page.cancel !== 'no') return book.end(page, { state: 'cancelled', at: world.wall() })
  if (delayMs === 0) return
  page.notBefore = world.wall() + delayMs
  page.plain = false
}

function checkStale(checker: Checker, life: Life, expected: string[], told: readonly string[]): void {
  const left = [...told]
  for (const claim of expected) {
    const index = left.indexOf(claim)
    if (index === -1) checker.violate('P5', `${life.actor.name} settled ${short(claim)}, which it did not hold`)
    else left.splice(index, 1)
  }
  if (left.length > 0)
    checker.violate('P5', `${life.actor.name} was refused ${left.map(short).join(', ')}, which it holds`)
}

const short = (claim: string) => shortId(claim)

/** Each is handed over once, in the next turn. */
function checkMessages(checker: Checker, life: Life, messages: readonly ControlMessage[]): void {
  const { messages: expected } = life
  life.messages = new Map()
  if (!expected) return
  const told = messages.map((message) => JSON.stringify(message))
  const missing = [...expected.values()].filter((message) => !told.includes(message))
  if (missing.length > 0 || told.length > expected.size)
    checker.violate('P12', `${life.actor.name} was told ${told.join()} instead of ${[...expected.values()].join()}`)
}

/** Each request is handed over in the next turn, and once. */
function checkCancels(checker: Checker, life: Life, cancels: readonly Ref[]): void {
  const told = new Set(cancels.map(named))
  for (const page of life.held) {
    if (page.cancel !== 'asked') continue
    if (!told.delete(named(page)))
      checker.violate('P12', `${life.actor.name} was not told that ${shortId(page.id)} is to be cancelled`)
    page.cancel = 'told'
    page.toldAt = checker.world.monotonic
  }
  for (const claim of told)
    checker.violate('P12', `${life.actor.name} was told to cancel ${short(claim)} for no reason`)
}
