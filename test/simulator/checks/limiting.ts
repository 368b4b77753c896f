/** Lanes, order, groups, rates and overlapping ticks: what holds a job back that could be handed out otherwise. */
import type { ClaimedJob } from '../../../src/store/store.ts'
import { shortId, type Life, type Page } from '../book.ts'
import type { Checker } from '../checker.ts'

export function checkLimits(checker: Checker, life: Life, page: Page): void {
  const { book } = checker
  const { lane, rate } = page.job
  if (lane && !lane.gather) {
    const running = countWhere(book.pages.values(), (each) => each.job.lane?.name === lane.name && isOut(each))
    if (running > book.lanes.get(lane.name)!) checker.violate('P21', `${running} jobs of lane ${lane.name} run at once`)
  }
  if (lane?.ordered && !lane.gather) checkLine(checker, page)
  if (rate && !page.goesOn) checkRate(checker, page)
  if (page.schedule !== undefined) checkOverlap(checker, page)
  const suspects = countWhere(life.held, ({ crashes }) => crashes >= 2)
  if (suspects > 1) checker.violate('P14', `${life.actor.name} was handed ${suspects} suspects at once`)
}

const isOut = ({ holder, lost }: Page) => holder !== undefined || lost

function countWhere(pages: Iterable<Page>, is: (page: Page) => boolean): number {
  let count = 0
  for (const page of pages) if (is(page)) count++
  return count
}

/** Nobody goes past who holds the line, or stands in it before. */
function checkLine(checker: Checker, page: Page): void {
  const { book, violate } = checker
  const before: Page[] = []
  for (const each of book.pages.values()) {
    if (each === page || each.job.lane?.name !== page.job.lane!.name || !each.there || each.final || isOut(each))
      continue
    if (each.holdsLine || (each.inLine && page.inLine && each.seq < page.seq)) before.push(each)
  }
  page.holdsLine = true
  if (before.length === 0) return
  checker.look(
    before.map(({ id }) => id),
    (records) => {
      for (const record of records) {
        if (!record || record.finishedAt !== undefined) continue
        const other = book.pages.get(record.id)!
        const why = other.holdsLine ? 'holds their line' : 'stands before it in their line'
        violate('P19', `${shortId(page.id)} was handed out though ${shortId(other.id)} ${why}`)
      }
    },
  )
}

function checkRate(checker: Checker, { id, claim, job }: Page): void {
  const { book, world, violate, jumps } = checker
  const { name, tokens, perMs } = job.rate!
  const at = world.wall()
  const closedUntil = book.closed.get(name)
  if (closedUntil !== undefined) {
    if (at < closedUntil) violate('P21', `${shortId(id)} was started while its rate ${name} is closed`)
    checker.happened('a closed rate opened')
    book.closed.delete(name)
  }
  if (jumps) return
  const starts = (book.starts.get(name) ?? []).filter((start) => start.at > at - perMs)
  starts.push({ id, claim, at })
  book.starts.set(name, starts)
  if (starts.length > tokens) violate('P21', `${starts.length} starts of rate ${name} within ${perMs} ms`)
}

/** Two ticks' jobs at once, though they are to be one after the other. Who was retried by hand stands outside of that. */
function checkOverlap({ book, plan, violate }: Checker, page: Page): void {
  if (plan.overlap === 'allow' || page.retriedByHand) return
  // Of a tick whose job was removed nobody knows what it waited for.
  if (book.pages.values().some((each) => each.schedule === page.schedule && each.removed)) return
  for (const each of book.pages.values()) {
    if (each === page || each.schedule !== page.schedule || !isOut(each) || each.retriedByHand) continue
    violate('P10', `${shortId(page.id)} was started while ${shortId(each.id)}, of another tick, runs`)
  }
}

/** A rate is closed by what has ended, whether it is tried again or not. */
export function closeRate(checker: Checker, { job }: Page, ms: number): void {
  const { book, world } = checker
  if (!job.rate || ms <= 0) return
  book.closed.set(job.rate.name, Math.max(book.closed.get(job.rate.name) ?? -Infinity, world.wall() + ms))
  checker.happened('a rate was closed')
}

/** Those that are handed out together are of one lane and queue, no more than may be, and behind their leader. */
export function checkGroups(checker: Checker, jobs: readonly ClaimedJob[]): void {
  const groups = new Map<string, Page[]>()
  for (const { id, leader, crashes } of jobs) {
    const page = checker.book.pages.get(id)
    if (!page || (page.job.lane?.gather === undefined && leader === undefined)) continue
    if (leader === undefined) checker.violate('P18', `${shortId(id)} was handed out of a group, and names no leader`)
    // A suspect is handed out alone, whoever else stands there.
    else if (leader === id && crashes >= 2) continue
    else if (leader === id) groups.set(id, [page])
    else if (!groups.has(leader))
      checker.violate('P18', `${shortId(id)} was handed out without ${shortId(leader)}, which leads it`)
    else groups.get(leader)!.push(page)
  }
  for (const [leader, group] of groups) checkGroup(checker, leader, group)
}

function checkGroup(checker: Checker, leader: string, group: readonly Page[]): void {
  const { lane, queue } = group[0]!.job
  const most = lane?.gather?.size ?? 1
  if (group.length > 1) checker.happened('a batch of several')
  if (group.length > most)
    checker.violate('P18', `${group.length} jobs were handed out with ${shortId(leader)}, and ${most} are a batch`)
  for (const { id, job } of group)
    if (job.lane?.name !== lane?.name || job.queue !== queue)
      checker.violate('P21', `${shortId(id)} was handed out with ${shortId(leader)}, which is of another group`)
  if (group.length === most || !lane?.gather) return
  const others = [...checker.book.pages.values()].filter(
    (page) => page.job.lane?.name === lane.name && page.job.queue === queue && !group.includes(page),
  )
  checkRipe(checker, leader, { group, others, waitMs: lane.gather.waitMs })
  checkNobodyIsLeft(checker, leader, others)
}

/** What there was room for in a batch has come with it. */
function checkNobodyIsLeft(checker: Checker, leader: string, others: readonly Page[]): void {
  const open = others.filter((page) => page.there && !page.final && !isOut(page))
  if (open.length === 0) return
  checker.look(
    open.map(({ id }) => id),
    (records) => {
      const left = records.find((record) => record?.state === 'ready' && record.crashes < 2)
      if (left)
        checker.violate('P21', `${shortId(left.id)} was left behind, and the batch of ${shortId(leader)} has room`)
    },
  )
}

interface PartOfBatch {
  readonly group: readonly Page[]
  readonly others: readonly Page[]
  readonly waitMs: number
}

/** A batch that is not full has waited: unless one was ripe and others of it have gone since, or were there before. */
function checkRipe(checker: Checker, leader: string, { group, others, waitMs }: PartOfBatch): void {
  const { world, jumps } = checker
  if (jumps || !group.every(({ gatheredAt, crashes }) => gatheredAt !== undefined && crashes < 2)) return
  const oldest = Math.min(...group.map(({ gatheredAt }) => gatheredAt!))
  if (world.wall() >= oldest + waitMs) return
  // What is known of them all leaves no other reason to hand these out.
  const quiet = others.every(({ final, holder }) => holder || final?.state === 'succeeded' || final?.state === 'failed')
  if (quiet) checker.violate('P21', `${shortId(leader)} was handed out before its batch was full, or had waited`)
}
