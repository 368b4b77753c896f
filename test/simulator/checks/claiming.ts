/** What may be handed to a worker: everything that must be true of a job at the moment it is claimed. */
import type { ClaimedJob, Turn } from '../../../src/store/store.ts'
import { shortId, type Life, type Page } from '../book.ts'
import type { Checker } from '../checker.ts'
import { checkGroups, checkLimits } from './limiting.ts'
import { checkSteps, foundGone } from './turning.ts'

export function claimed(checker: Checker, life: Life, turn: Turn, jobs: readonly ClaimedJob[]): void {
  if (jobs.length === 0) return
  checkRoom(checker, life, turn, jobs)
  checkGroups(checker, jobs)
  for (const job of jobs) claimedOne(checker, life, job)
  checkOrder(checker, jobs)
  if (turn.room.every(({ bottomUp }) => bottomUp === 0)) checkRanks(checker, jobs)
}

function checkRoom(checker: Checker, life: Life, { room }: Turn, jobs: readonly ClaimedJob[]): void {
  const most = room.reduce((sum, each) => sum + Math.max(0, each.jobs), 0)
  const got = jobs.filter(({ id, leader = id }) => leader === id).length
  if (got > most) checker.violate('P18', `${life.actor.name} asked for ${most} jobs and got ${got}`)
  const asked = new Set(room.flatMap(({ queues }) => queues))
  for (const { id, queue } of jobs) {
    if (!asked.has(queue)) checker.violate('P19', `${shortId(id)} was handed to a worker of other queues`)
    if (checker.book.paused.has(queue)) checker.violate('P19', `${shortId(id)} was handed out of a paused queue`)
  }
}

function claimedOne(checker: Checker, life: Life, job: ClaimedJob): void {
  const { book } = checker
  const page = book.pages.get(job.id) ?? checker.discover(job)
  if (!page) return checker.violate('P1', `${shortId(job.id)} was handed out, and nobody added it`)

  checkNobodyHasIt(checker, page, job)
  checkMayStart(checker, page, job)
  checkSame(checker, page, job)
  checkSteps(checker, page, job)
  checker.runs.grantedAnew(page)
  if (page.lost) {
    page.crashes = job.crashes
    page.expiresAt = undefined
  }
  page.claim = job.claim
  page.holder = life
  page.everClaimed = true
  page.lost = false
  page.gatheredAt = undefined
  life.held.add(page)
  if (page.job.unique?.scope === 'waiting') page.keyFreed = true
  checkLimits(checker, life, page)
}

function checkNobodyHasIt(checker: Checker, page: Page, { claim }: ClaimedJob): void {
  const id = shortId(page.id)
  if (page.final) checker.violate('P6', `${id} was handed out, though it had ${page.final.state}`)
  if (!page.there) checker.violate('P6', `${id} was handed out, though it had been removed`)
  if (claim <= page.claim) checker.violate('P5', `the claim of ${id} went from ${page.claim} to ${claim}`)
  if (page.cancel !== 'no') checker.violate('P12', `${id} was handed out again, though it is to be cancelled`)
  if (page.holder) {
    if (!page.holder.left) foundGone(checker, page.holder)
    checker.book.duplicated.add(page.id)
  }
}

function checkMayStart(checker: Checker, page: Page, { attempt, crashes }: ClaimedJob): void {
  const { world } = checker
  const id = shortId(page.id)
  if (world.latestWall < page.notBefore) checker.violate('P19', `${id} was handed out before it was due`)
  const certain = !page.expiryInDoubt && !page.lost && page.crashes === crashes
  if (certain && page.expiresAt !== undefined && page.expiresAt < world.wall())
    checker.violate('P12', `${id} was handed out after it should have expired`)
  if (page.job.held && !page.retriedByHand) checker.violate('P9', `${id} was handed out, though it is held`)
  if (attempt !== page.attempts + 1)
    checker.violate('P13', `${id} has had ${page.attempts} attempts and was handed out as attempt ${attempt}`)
  const most = page.crashes + (page.lost ? 1 : 0)
  if (crashes < page.crashes || crashes > most)
    checker.violate('P14', `${id} has lost ${most} workers and was handed out with ${crashes} crashes`)
  if (crashes > 2 || (page.job.once && crashes > 0))
    checker.violate('P14', `${id} was handed out after ${crashes} crashes`)
  if (page.waitsOn.length > 0 && !page.retriedByHand) checkMembers(checker, page)
}

/** Whom it waits for must be final: read from the store, at this very moment. */
function checkMembers(checker: Checker, page: Page): void {
  checker.look(page.waitsOn, (records) => {
    for (const record of records) {
      if (!record || record.id === page.id || record.finishedAt !== undefined) continue
      const member = checker.book.pages.get(record.id)
      // A step that was cancelled and waits again may have been both in silence.
      const mayBeReopened = member?.reopened || (checker.book.retries > 0 && member?.waitsOn.length !== 0)
      if (!mayBeReopened)
        checker.violate('P9', `${shortId(page.id)} was handed out before ${shortId(record.id)} had ended`)
    }
  })
}

function checkSame(checker: Checker, page: Page, job: ClaimedJob): void {
  const id = shortId(page.id)
  if (job.input !== page.input) checker.violate('P1', `${id} was handed out with another input`)
  if (job.task !== page.job.task || job.queue !== page.job.queue)
    checker.violate('P1', `${id} was handed out as another task or from another queue`)
  if (job.rank !== page.rank) checker.violate('P19', `${id} was handed out with another priority`)
  if (job.cancelRequested) checker.violate('P12', `${id} was handed out to be cancelled`)
  const members = (job.members ?? []).map(({ id: member }) => member)
  if (new Set(members).size < members.length) checker.violate('P9', `${id} was handed a member twice`)
  for (const member of job.members ?? []) {
    const known = checker.book.pages.get(member.id)?.final
    if (known && known.state !== member.state)
      checker.violate('P9', `${id} was told that ${shortId(member.id)} had ${member.state}, and it had ${known.state}`)
    if (known?.result !== undefined && known.state === 'succeeded' && (member.result ?? null) !== known.result)
      checker.violate('P9', `${id} was told another result of ${shortId(member.id)} than was recorded`)
  }
}

/** Within a queue and priority, first come is first claimed; who was given back stands where he stood. */
function checkOrder(checker: Checker, jobs: readonly ClaimedJob[]): void {
  const latest = new Map<string, Page>()
  for (const { id } of jobs) {
    const page = checker.book.pages.get(id)!
    if (!page.plain || page.crashes >= 2) continue
    const line = lineOf(page)
    if ((latest.get(line)?.seq ?? 0) < page.seq) latest.set(line, page)
  }
  if (latest.size === 0) return

  for (const page of checker.book.pages.values()) {
    const after = latest.get(lineOf(page))
    if (!after || page.seq >= after.seq || !isStanding(page)) continue
    checker.look([page.id], ([record]) => {
      if (record?.state === 'ready')
        checker.violate('P19', `${shortId(after.id)} was handed out before ${shortId(page.id)}, which stands before it`)
    })
  }
}

/** Unless some were asked for from the bottom, the higher priority of a queue comes first. */
function checkRanks(checker: Checker, jobs: readonly ClaimedJob[]): void {
  const lowest = new Map<string, Page>()
  for (const { id } of jobs) {
    const page = checker.book.pages.get(id)!
    if (page.plain && page.crashes < 2 && page.rank > (lowest.get(page.job.queue)?.rank ?? -1))
      lowest.set(page.job.queue, page)
  }
  for (const page of checker.book.pages.values()) {
    const claimed = lowest.get(page.job.queue)
    if (!claimed || page.rank >= claimed.rank || !isStanding(page)) continue
    checker.look([page.id], ([record]) => {
      if (record?.state === 'ready')
        checker.violate('P19', `${shortId(claimed.id)} was handed out before ${shortId(page.id)}, which is more urgent`)
    })
  }
}

/** It stands ready in its line and may be claimed, as far as is known. */
const isStanding = (page: Page) =>
  page.plain &&
  !page.holder &&
  !page.lost &&
  !page.final &&
  page.there &&
  page.crashes < 2 &&
  page.expiresAt === undefined

const lineOf = ({ job, rank }: Page) => `${job.queue} ${rank}`
