/** Unknown outcomes are safe to repeat, unique keys admit one job, a tick fires once. */
import type { InsertOutcome, NewJob, Tick, TickAnswer } from '../../../src/store/store.ts'
import { keyOf, shortId, type Page } from '../book.ts'
import { scheduleEveryMs } from '../actors/tasks.ts'
import type { Checker } from '../checker.ts'

export function inserted(checker: Checker, calls: readonly (readonly NewJob[])[], outcomes: InsertOutcome[][]): void {
  calls.forEach((jobs, index) => jobs.forEach((job, at) => insertedOne(checker, job, outcomes[index]![at]!)))
}

function insertedOne(checker: Checker, job: NewJob, outcome: InsertOutcome): void {
  const { book } = checker
  const page = book.pages.get(job.id)
  switch (outcome.kind) {
    case 'exists':
      if (!page?.there) checker.violate('P2', `${shortId(job.id)} is said to exist and was never added`)
      return
    case 'kept':
      return kept(checker, job, outcome.other)
    case 'refused':
      if (!page?.there) book.refused.add(job.id)
      return
    case 'replaced':
      replaced(checker, job, outcome.other)
      add(checker, job, page)
      return
    case 'inserted':
      if (job.unique) checkKeyIsFree(checker, job)
      add(checker, job, page)
  }
}

function add(checker: Checker, job: NewJob, before: Page | undefined): void {
  if (before?.there && !checker.mayBePruned(before)) {
    checker.violate('P2', `${shortId(job.id)} was added a second time`)
  }
  checker.book.refused.delete(job.id)
  checker.book.add(job, checker.world.wall())
}

function kept(checker: Checker, job: NewJob, other: string): void {
  const holder = checker.book.pages.get(other)
  if (!holder) return checker.violate('P20', `${shortId(job.id)} was kept out by ${shortId(other)}, which nobody added`)
  if (keyOf(holder.job) !== keyOf(job))
    checker.violate('P20', `${shortId(job.id)} was kept out by ${shortId(other)}, which has another key`)
  if (holder.removed || !holdsStill(checker, holder))
    checker.violate('P20', `${shortId(job.id)} was kept out by ${shortId(other)}, whose key is free again`)
}

/** False where its key is surely free. */
function holdsStill({ world, jumps }: Checker, { job, keyFreed, createdAt, everClaimed }: Page): boolean {
  const scope = job.unique!.scope
  if (typeof scope === 'object') return jumps || world.wall() < createdAt + scope.forMs
  return !keyFreed && !(scope === 'waiting' && everClaimed)
}

function replaced(checker: Checker, job: NewJob, other: string): void {
  const holder = checker.book.pages.get(other)
  if (!holder || keyOf(holder.job) !== keyOf(job))
    return checker.violate('P20', `${shortId(job.id)} replaced ${shortId(other)}, which does not hold its key`)
  if (holder.holder || holder.lost)
    checker.violate('P20', `${shortId(job.id)} replaced ${shortId(other)}, which had been started`)
  checker.book.end(holder, { state: 'cancelled', because: job.id, at: checker.world.wall() })
}

/** Whether another job holds the key is asked of the store, which knows best who has ended in silence. */
function checkKeyIsFree(checker: Checker, job: NewJob): void {
  const others = checker.book.keys.get(keyOf(job)!) ?? []
  const latest = others.at(-1)
  if (latest && latest.id !== job.id && typeof latest.job.unique!.scope === 'object' && !checker.jumps)
    if (!latest.removed && holdsStill(checker, latest))
      checker.violate(
        'P20',
        `${shortId(job.id)} was added within the time for which ${shortId(latest.id)} holds its key`,
      )
  const suspicious = others.filter((page) => page.there && page.id !== job.id && surelyHolds(checker, page))
  if (suspicious.length === 0) return

  checker.look(
    suspicious.map(({ id }) => id),
    (records) => {
      const holder = records.find(
        (record) =>
          record?.finishedAt === undefined && record !== undefined && stillWaits(checker.book.pages.get(record.id)!),
      )
      if (holder) checker.violate('P20', `${shortId(job.id)} was added though ${shortId(holder.id)} holds its key`)
    },
  )
}

function surelyHolds(checker: Checker, page: Page): boolean {
  const { scope } = page.job.unique!
  if (typeof scope === 'object') return false
  return !page.retriedByHand && holdsStill(checker, page)
}

const stillWaits = (page: Page) => page.job.unique!.scope === 'active' || !page.everClaimed

export function fired(checker: Checker, ticks: readonly Tick[], answers: readonly TickAnswer[]): void {
  ticks.forEach((tick, index) => {
    const name = `${tick.name} at ${tick.at}`
    if (answers[index] !== 'fired') {
      if (tick.job) checker.book.refused.add(tick.job.id)
      return
    }
    if (checker.book.ticks.has(name)) checker.violate('P10', `tick ${name} fired a second time`)
    checker.book.ticks.add(name)
    if (tick.job?.unique) addUnlessKept(checker, tick.job)
    else if (tick.job) addTick(checker, tick.job)
    if (checker.clocksAgree && tick.nextAt !== null && tick.nextAt > checker.world.wall() + scheduleEveryMs)
      checker.violate('P10', `tick ${name} was followed by none before ${tick.nextAt}`)
  })
}

function addTick(checker: Checker, job: NewJob): void {
  checker.book.add(job, checker.world.wall()).acknowledged = true
  if (job.after) checker.happened('a tick was queued')
  noteTick(checker, job)
}

/** What a tick leaves out because of the one before is not told, and must be true. */
function addUnlessKept(checker: Checker, job: NewJob): void {
  checker.look([job.id], ([record]) => {
    const others = (checker.book.keys.get(keyOf(job)!) ?? []).filter(({ retriedByHand }) => !retriedByHand)
    if (record) addTick(checker, job)
    else checker.happened('a tick was skipped')
    checker.look(
      others.map(({ id }) => id),
      (known) => {
        const open = known.find((other) => other && other.finishedAt === undefined)
        if (record && open)
          checker.violate('P10', `${shortId(job.id)} was added, though ${shortId(open.id)} of an earlier tick goes on`)
        if (!record && !open)
          checker.violate('P10', `a tick of ${keyOf(job)} was left out, though none goes on of an earlier one`)
      },
    )
  })
}

/** Whatever moment it was fired at, a tick has one job: each says which tick it stands for. */
export function noteTick({ book, violate }: Checker, { id, metadata = '{}' }: NewJob): void {
  const { schedule, tick } = JSON.parse(metadata) as { schedule?: string; tick?: string }
  const name = `${schedule} at ${tick}`
  const other = book.tickJobs.get(name)
  if (other !== undefined && other !== id)
    violate('P10', `${shortId(id)} and ${shortId(other)} both stand for tick ${name}`)
  book.tickJobs.set(name, id)
  const page = book.pages.get(id)
  if (page) page.schedule = schedule
}
