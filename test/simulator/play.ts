/**
 * Plays one history: first with faults, then without, when all that was asked for must end; and in the end
 * says of every job what became of it.
 */
import type { Point } from '../../src/env.ts'
import type { Store } from '../../src/store/store.ts'
import { Actor } from './actor.ts'
import { trying } from './actors/others.ts'
import { scheduleName } from './actors/tasks.ts'
import { shortId, type Page } from './book.ts'
import { History, type Coverage } from './history.ts'
import type { HowOften } from './happenings.ts'
import { unleash } from './nemesis.ts'
import type { Engine } from './place.ts'
import type { Violation } from './world.ts'

export interface Played {
  readonly seed: number
  readonly engine: Engine
  readonly hash: string
  readonly violation: Violation | undefined
  readonly calls: number
  readonly faults: number
  readonly virtualMs: number
  readonly runs: number
  readonly coverage: ReadonlyMap<Point, { passed: number; died: number }>
  readonly howOften: HowOften
  readonly ledger: LedgerCounts
}

export interface LedgerCounts {
  tried: number
  ok: number
  lost: number
  /** There, and nobody asked for it. */
  unexpected: number
  /** Given to a second worker while the first was thought to hold it. */
  duplicated: number
  /** In, though nobody was ever told so: allowed. */
  recovered: number
  /** Never came in: refused, or lost on the way and not acknowledged. */
  absent: number
}

/** After the last fault something must go on within each such time, until all that was asked for is over. */
const livenessMs = 90_000
/** What goes on for ever does not go on well. */
const longestMs = 3_600_000
const lookEveryMs = 750
const stopMs = 20_000

export async function play(seed: number, engine: Engine, listen?: (line: string) => void): Promise<Played> {
  const history = new History(seed, engine, listen)
  const { world, plan, counters, coverage } = history
  listen?.(`seed ${seed} on ${engine}: ${JSON.stringify({ ...plan, crashes: Object.fromEntries(plan.crashes) })}`)
  history.begin()
  unleash(history)
  await world.goOn(plan.safetyMs, () => false)
  await recover(history)
  if (plan.features.secondLives) await liveAgain(history)
  await finish(history)
  const ledger = classify(history)
  if (ledger.lost > 0) world.violate('P1', `${ledger.lost} acknowledged jobs are not over in the end`)
  if (ledger.unexpected > 0) world.violate('P7', `${ledger.unexpected} jobs are there that nobody asked for`)
  const { violation, hash, monotonic } = world
  if (!violation) await history.place.end()
  else await trying(history.place.end())

  return {
    seed,
    engine,
    hash,
    violation,
    ...counters,
    virtualMs: monotonic - 1_000_000,
    runs: history.checker.runs.started,
    coverage: coverage as Coverage,
    howOften: history.checker.howOften,
    ledger,
  }
}

/** Faults are over. Everything that was asked for comes to its end, with whoever is still there. */
async function recover(history: History): Promise<void> {
  const { world, plan } = history
  world.phase = 'liveness'
  history.here.awayUntil = -Infinity
  for (const actor of history.living) actor.cutUntil = -Infinity
  world.trace('faults are over')
  if (plan.faults.jumps) await setRight(history)
  for (const { actor, old } of Array.from(history.workers)) if (old) kill(history, actor, 'to be replaced')
  const someone = [...history.living].find(({ kind }) => kind === 'worker')
  if (plan.oneStaysDead && plan.workers > 1 && someone) {
    history.buried.add(someone.name)
    kill(history, someone, 'for good')
  }
  void makePeace(history)
  await goOnToTheEnd(history)
}

async function goOnToTheEnd(history: History): Promise<void> {
  const { world, checker } = history
  const startedAt = world.monotonic
  let progress = { at: world.monotonic, count: 0 }
  while (!world.violation) {
    await world.goOn(lookEveryMs, () => false)
    checker.audit()
    await world.goOn(0, () => false)
    const open = openPages(history)
    if (history.producing.size === 0 && open.length === 0 && !isAnyAsking(history) && !isAnyMeddling(history)) return
    const count = checker.runs.started - open.length
    if (count !== progress.count) progress = { at: world.monotonic, count }
    const [stillMs, inAllMs] = [world.monotonic - progress.at, world.monotonic - startedAt]
    if (stillMs > livenessMs || inAllMs > longestMs) return giveUp(history, open)
  }
}

/** What has ended in silence is noted before, lest it be pruned unseen. */
async function setRight({ world, checker }: History): Promise<void> {
  checker.audit()
  await world.goOn(0, () => false)
  world.jump(world.latestWall - world.wall())
}

function kill({ counters }: History, actor: Actor, how: string): void {
  counters.faults++
  actor.die(how)
}

/** Some of what has ended is asked for again, and ends once more. */
async function liveAgain(history: History): Promise<void> {
  const { world, checker } = history
  if (world.violation) return
  const over = [...checker.book.pages.values()].filter(({ there, final }) => there && final)
  const ids = Array.from({ length: Math.min(4, over.length) }, () => world.dice.pick(over).id)
  await ask(history, (store) => store.retry([...new Set(ids)]))
  await goOnToTheEnd(history)
}

/** Time passes until what has ended may be forgotten, or not yet. */
async function outlive(history: History): Promise<void> {
  const { world, checker } = history
  for (const actor of history.living) {
    history.buried.add(actor.name)
    actor.die('in peace')
  }
  for (let step = 0; step < 3 && !world.violation; step++) {
    world.jump(world.dice.pick([20_000, 45_000, 61_000]))
    let more = true
    for (let call = 0; call < 8 && more && !world.violation; call++)
      await ask(history, async (store) => ({ more } = await store.upkeep()))
    checker.audit()
    await world.goOn(0, () => false)
  }
}

/** One request of somebody who waits for the answer. */
async function ask(history: History, request: (store: Store) => Promise<unknown>): Promise<void> {
  const { world } = history
  const store = history.storeOf(new Actor(world, 'operator', 'asker'))
  let answered = false
  void trying(request(store)).then(() => (answered = true))
  await world.goOn(stopMs, () => answered)
}

const openPages = ({ checker }: History) =>
  [...checker.book.pages.values()].filter(({ there, final }) => there && !final)

const isAnyMeddling = ({ meddling }: History) => meddling.values().some(({ actor }) => !actor.dead)

const isAnyAsking = ({ here }: History) => here.asking.values().some(({ dead }) => !dead)

function giveUp({ checker, producing }: History, open: readonly Page[]): void {
  checker.look(
    open.map(({ id }) => id),
    (records) => {
      const told = records.map((record) => record && `${shortId(record.id)} is ${record.state}`).join(', ')
      checker.violate(
        'P4',
        `nothing goes on for ${livenessMs / 1000} s after the last fault: ${told} ${[...producing.keys()].join()}`,
      )
    },
  )
}

/** What only an operator could have stopped, an operator lets go on. */
async function makePeace(history: History): Promise<void> {
  const { world, plan, checker } = history
  const actor = new Actor(world, 'operator', 'peace')
  const store = history.storeOf(actor)
  const running = openPages(history).filter(({ holder, job }) => holder && job.task === 'plain')
  if (running.length > 0) await trying(store.cancel(running.slice(0, 2).map(({ id }) => id)))
  for (const queue of plan.queues) await trying(store.pause(queue, false))
  for (;;) {
    if (plan.schedulers > 0) await trying(store.schedules.pause(scheduleName, true))
    const held = openPages(history).filter(({ job }) => job.held)
    if (held.length > 0) await trying(store.release(held.map(({ id }) => ({ id, result: null }))))
    // A pause may have been on its way.
    for (const queue of checker.book.paused) await trying(store.pause(queue, false))
    await actor.sleep(2000)
  }
}

async function finish(history: History): Promise<void> {
  const { world, checker } = history
  if (world.violation) return
  for (let n = 0; n < history.plan.workers; n++) history.buried.add(`worker ${n}`)
  await world.goOn(60_000, () => [...history.workers].every(({ actor }) => actor.frozenUntil <= world.monotonic))
  const all = [...history.workers].filter(({ actor }) => !actor.dead)
  const going = new Set(all)
  for (const each of all) void each.app.errand.close().then(() => going.delete(each))
  // A process may end as soon as its worker has stopped.
  const stopped = () => [...going].every(({ actor }) => actor.dead)
  if (!(await world.goOn(stopMs, stopped)) && !world.violation)
    checker.violate('P29', `${going.size} of ${all.length} workers did not stop`)
  // Of a life whose beginning was not answered its worker knows nothing.
  for (const { actor } of all) {
    const life = [...checker.book.lives.values()].findLast((each) => each.actor === actor)
    if (life?.turned && !life.left && !life.gone) checker.violate('P29', `${actor.name} stopped and did not leave`)
  }
  checker.audit()
  await world.goOn(0, () => false)
  checkFollowUps(history)
  await checkStats(history)
  await checkHistories(history)
  checkCalm(history)
  if (history.plan.features.secondLives) await outlive(history)
}

/** A join fires once: one follow-up for each end that asks for one. */
function checkFollowUps({ checker }: History): void {
  for (const { id, job, successes, failures, thens, sorries, endsInDoubt } of checker.book.pages.values()) {
    if (endsInDoubt) continue
    if (job.onSucceeded && thens !== successes)
      checker.violate('P9', `${shortId(id)} succeeded ${successes} times and was followed ${thens} times`)
    if (job.onFailed && sorries !== failures)
      checker.violate('P9', `${shortId(id)} failed ${failures} times and was followed ${sorries} times`)
  }
}

async function checkStats({ checker, world, place }: History): Promise<void> {
  const { tally, tallyIsCertain } = checker.book
  if (!tallyIsCertain || world.violation) return
  const rows = await place.observer.stats({ fromAt: 0, toAt: world.latestWall + 60_000 })
  for (const kind of ['succeeded', 'retry', 'failed', 'cancelled', 'wait', 'rescued', 'expired'] as const) {
    const told = rows.filter(({ outcome }) => outcome === kind).reduce((sum, { count }) => sum + count, 0)
    const known = tally.get(kind) ?? 0
    if (told !== known) checker.violate('P31', `statistics tell of ${told} ${kind}, and there were ${known}`)
  }
}

/** What was written about a job is there, once. */
async function checkHistories({ checker, place }: History): Promise<void> {
  for (const page of checker.book.pages.values()) {
    if (!page.there || page.pastInDoubt || page.endsInDoubt || page.lines + page.failed === 0) continue
    const past = await place.observer.history(page.id)
    if (past?.log.length !== page.lines || past.attempts.length !== page.failed)
      checker.violate(
        'P31',
        `${shortId(page.id)} has written ${page.lines} lines and failed ${page.failed} times, not as told`,
      )
  }
}

/** Without a fault nothing is done twice. */
function checkCalm({ checker, counters, plan }: History): void {
  if (counters.faults > 0 || plan.hands > 0) return
  for (const { id, crashes } of checker.book.pages.values())
    if (crashes > 0) checker.violate('P7', `${shortId(id)} lost a worker, and nothing was the matter`)
}

/** What became of every job that somebody asked for. */
function classify({ checker }: History): LedgerCounts {
  const { book } = checker
  const counts: LedgerCounts = { tried: 0, ok: 0, lost: 0, unexpected: 0, duplicated: 0, recovered: 0, absent: 0 }
  for (const id of book.tried) {
    const page = book.pages.get(id)
    counts.tried++
    if (!page) counts.absent++
    else if (page.acknowledged && !page.final && !page.removed) counts.lost++
    else if (book.duplicated.has(id)) counts.duplicated++
    else if (page.acknowledged) counts.ok++
    else counts.recovered++
  }
  for (const { id, parent } of book.pages.values()) if (!book.tried.has(id) && !parent) counts.unexpected++
  return counts
}
