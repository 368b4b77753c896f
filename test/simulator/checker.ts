/**
 * The checker: hears every call with its true answer, keeps the book, and says which promise was broken.
 *
 * It stands outside of the system and knows nothing of how it works; the numbers of promises are those of
 * docs/design/simulator.md.
 */
import type * as contract from '../../src/store/store.ts'
import type { Actor } from './actor.ts'
import { Book, shortId, type Life, type Page } from './book.ts'
import { audit, type Doubt } from './checks/auditing.ts'
import { cancelled, changed, keptUp, released, removed, reported, retried, sent } from './checks/commanding.ts'
import { fired, inserted, noteTick } from './checks/inserting.ts'
import { leftInOrder, resynced, turned } from './checks/turning.ts'
import type { Witness } from './faulty-store.ts'
import { never, type Happening, type HowOften } from './happenings.ts'
import type { Plan } from './plan.ts'
import { Runs } from './runs.ts'
import { Died, type World } from './world.ts'

/** Calls between two audits. */
const auditEvery = 75

export class Checker implements Witness {
  readonly world: World
  readonly book = new Book()
  readonly runs: Runs = new Runs(this)
  readonly plan: Plan
  readonly howOften: HowOften = never()
  /** The wall clock is set in this history, so what depends on it may hold longer or less long. */
  readonly jumps: boolean
  /** Every process shows the same time as the store. */
  readonly clocksAgree: boolean
  readonly #observer: contract.Store
  #calls = 0
  /** Of the latest audit; those that were asked for while one runs are another. */
  #auditing: Promise<void> | undefined

  constructor(world: World, observer: contract.Store, plan: Plan) {
    const { jumps, offsets } = plan.faults
    this.world = world
    this.plan = plan
    this.jumps = jumps
    this.clocksAgree = !jumps && !offsets
    this.#observer = observer
  }

  violate: (promise: string, what: string) => void = (promise, what) => this.world.violate(promise, what)

  happened(what: Happening): void {
    this.howOften[what]++
  }

  sent(_: Actor, member: string, args: readonly unknown[]): void {
    if (member === 'insert') for (const job of (args[0] as contract.NewJob[][]).flat()) this.book.tried.add(job.id)
    if (member === 'schedules.fire')
      for (const { job } of args[0] as contract.Tick[]) if (job) this.book.tried.add(job.id)
  }

  answered(actor: Actor, member: string, args: readonly unknown[], answer: unknown): void {
    this.world.trace(this.world.listen ? tellCall(member, args, answer) : member, actor.name)
    this.#note(actor, member, args, answer)
    if (++this.#calls % auditEvery === 0) this.audit()
  }

  broke(actor: Actor, member: string, args: readonly unknown[], error: unknown): void {
    this.world.trace(`${member} breaks`, actor.name)
    if (!(error instanceof Died))
      return this.violate(
        'P23',
        `${member} of ${actor.name} failed by itself: ${(error as Error)?.stack ?? String(error)}`,
      )
    // Before the commit nothing may have happened; after it everything must have, and nobody was told.
    this.audit(error.message.includes('before-commit') ? undefined : this.#doubt(member, args))
  }

  /** Reads every job and compares. Nothing else happens meanwhile. */
  audit(doubt?: Doubt): void {
    const before = this.#auditing ?? Promise.resolve()
    const auditing: Promise<void> = before
      .then(async () => {
        const seen = await this.#lookAtAll()
        if (this.world.violation) return
        audit(this, seen, doubt)
        this.runs.checkHeard()
      })
      .catch((error: unknown) => this.violate('P23', `looking at the store failed: ${(error as Error).stack}`))
    this.#auditing = auditing
    void auditing.then(() => this.#auditing === auditing && (this.#auditing = undefined))
  }

  /** Reads some jobs at this very moment. */
  look(ids: readonly string[], judge: (records: readonly (contract.JobRecord | undefined)[]) => void): void {
    this.#observer.get(ids).then(
      (records) => judge(records.map((record) => (record === 'gone' ? undefined : record))),
      (error: unknown) => this.violate('P23', `looking at jobs failed: ${(error as Error).stack}`),
    )
  }

  /** Of a pruned job it is remembered for a while that it was there. */
  checkRemembered(id: string): void {
    this.#observer.get([id]).then(
      ([record]) => record !== 'gone' && this.violate('P31', `${shortId(id)} was pruned, and nobody remembers it`),
      (error: unknown) => this.violate('P23', `looking at jobs failed: ${(error as Error).stack}`),
    )
  }

  mayBePruned({ final, job }: Page): boolean {
    if (!final) return false
    const { keepSucceededMs, keepFailedMs } = job
    const keepMs = Math.ceil((final.state === 'succeeded' ? keepSucceededMs : keepFailedMs) / 60_000) * 60_000
    return final.at === undefined || final.at + keepMs <= this.world.latestWall
  }

  /** A job that the store has made itself, when another ended. */
  discover(job: Pick<contract.JobRecord, 'id' | 'task' | 'queue' | 'rank' | 'input' | 'createdAt'>): Page | undefined {
    const parent = this.#parentOf(job)
    if (!parent) return undefined
    const { onSucceeded, onFailed } = parent.job
    const template = job.task === onSucceeded?.task ? onSucceeded : onFailed
    if (!template) return undefined
    const { id, input } = job
    const page = this.book.add({ ...template, id, input }, job.createdAt)
    page.parent = parent.id
    // When it came to its line is not known.
    page.plain = false
    if (template === onSucceeded) parent.thens++
    else parent.sorries++
    return page
  }

  #parentOf({ task, input }: { task: string; input: string }): Page | undefined {
    if (task !== 'next' && task !== 'sorry') return undefined
    return this.book.pages.get((JSON.parse(input) as { id: string }).id)
  }

  async #lookAtAll() {
    const store = this.#observer
    const [{ jobs, cursor }, counts, workers] = await Promise.all([
      store.find({ limit: 500 }),
      store.counts(),
      store.workers(),
    ])
    if (cursor !== undefined) this.violate('P31', `a history has more than 500 jobs, or the page is short`)
    return { records: jobs, counts, workers }
  }

  #doubt(member: string, args: readonly unknown[]): Doubt {
    const ids = new Set<string>()
    if (member === 'turn') {
      const { incarnation, settled, givenBack } = args[0] as contract.Turn
      for (const { claim } of [...settled, ...givenBack]) ids.add(claim.id)
      for (const { claim } of givenBack) {
        const page = this.book.pages.get(claim.id)
        if (page?.claim === claim.claim) this.book.forgetStart(page)
      }
      for (const { followUps = [], claim, outcome } of settled) {
        for (const job of followUps) this.#addInDoubt(job, claim.id)
        const page = outcome.kind === 'wait' ? this.book.pages.get(claim.id) : undefined
        if (page) page.goesOn = true
      }
      return { life: this.book.lives.get(incarnation), ids }
    }
    if (member === 'leave')
      for (const page of this.book.lives.get(args[0] as string)?.held ?? []) {
        ids.add(page.id)
        this.book.forgetStart(page)
      }
    // Whether it judged or extended, and whom.
    if (member === 'upkeep') this.book.lastUpkeepAt = this.world.monotonic
    if (member === 'report')
      for (const { claim, kind } of args[1] as contract.Report[]) {
        ids.add(claim.id)
        const page = this.book.pages.get(claim.id)
        if (page && kind === 'step') page.stepsInDoubt = true
        if (page) page.pastInDoubt = true
      }
    if (member === 'insert') for (const job of (args[0] as contract.NewJob[][]).flat()) this.#addInDoubt(job)
    if (member === 'schedules.fire')
      for (const { name, at, job } of args[0] as contract.Tick[]) {
        if (job) this.#addInDoubt(job)
        if (!job) continue
        this.look([job.id], ([record]) => {
          if (!record) return
          this.book.ticks.add(`${name} at ${at}`)
          noteTick(this, job)
        })
      }
    if (['cancel', 'retry', 'remove', 'change'].includes(member)) for (const id of args[0] as string[]) ids.add(id)
    // Whether it is paused, or how wide its lane is, is not known: no more is asked of it than is sure.
    if (member === 'send') for (const life of this.book.lives.values()) life.messages = undefined
    if (member === 'pause') this.book.paused.delete(args[0] as string)
    if (member === 'limit') this.#limited(args[0] as string, args[1] as { slots?: number })
    if (member === 'release') for (const { id } of args[0] as { id: string }[]) ids.add(id)
    if (member === 'leave') this.book.lives.get(args[0] as string)!.left = true
    return { life: undefined, ids }
  }

  /** Added if it is there. */
  #addInDoubt(job: contract.NewJob, parent?: string): void {
    this.look([job.id], ([record]) => {
      if (!record || this.book.pages.get(job.id)?.there) return
      this.book.add(job, record.createdAt).parent = parent
    })
  }

  #note(actor: Actor, member: string, args: readonly unknown[], answer: unknown): void {
    const life = typeof args[0] === 'string' ? this.book.lives.get(args[0]) : undefined
    switch (member) {
      case 'insert':
        return inserted(this, args[0] as contract.NewJob[][], answer as contract.InsertOutcome[][])
      case 'turn': {
        const turn = args[0] as contract.Turn
        return turned(this, this.book.lives.get(turn.incarnation)!, turn, answer as contract.TurnResult)
      }
      case 'join':
        return this.#joined(actor, args[0] as contract.NewWorker, answer as string)
      case 'resync':
        return resynced(this, life!, answer as Awaited<ReturnType<contract.Store['resync']>>)
      case 'leave':
        return leftInOrder(this, life!)
      case 'report':
        return reported(this, life!, args[1] as contract.Report[], answer as contract.ReportAnswer[])
      case 'upkeep':
        return keptUp(this, answer as contract.UpkeepResult)
      case 'cancel':
        return cancelled(this, args[0] as string[], answer as contract.CancelAnswer[])
      case 'retry':
        return retried(this, args[0] as string[], answer as contract.RetryAnswer[])
      case 'remove':
        return removed(this, args[0] as string[], answer as contract.RemoveAnswer[])
      case 'change':
        return changed(this, args[0] as string[], args[1] as contract.JobChange, answer as contract.ChangeAnswer[])
      case 'release':
        return released(this, args[0] as { id: string; result: string | null }[], answer as contract.ReleaseAnswer[])
      case 'pause':
        return void (args[1] ? this.book.paused.add(args[0] as string) : this.book.paused.delete(args[0] as string))
      case 'limit':
        return this.#limited(args[0] as string, args[1] as { slots?: number })
      case 'send':
        return sent(this, args[0] as string, args[1] as contract.ControlMessage)
      case 'schedules.fire':
        return fired(this, args[0] as contract.Tick[], answer as contract.TickAnswer[])
    }
  }

  #joined(actor: Actor, { leaseMs }: contract.NewWorker, id: string): void {
    if (this.book.lives.has(id)) this.violate('P5', `incarnation ${id} was begun twice`)
    const surelyUntil = this.world.monotonic + leaseMs
    const life: Life = {
      id,
      actor,
      leaseMs,
      surelyUntil,
      gone: false,
      left: false,
      turned: false,
      held: new Set(),
      messages: new Map(),
    }
    this.book.lives.set(id, life)
  }

  #limited(name: string, { slots }: { slots?: number }): void {
    if (slots !== undefined) this.book.lanes.set(name, Math.max(slots, this.book.lanes.get(name) ?? 0))
  }
}

function tellCall(member: string, args: readonly unknown[], answer: unknown): string {
  const brief = (value: unknown) =>
    (JSON.stringify(value, (key, field: unknown) => (boring.has(key) ? undefined : field)) ?? '').replaceAll(
      /"?00000000-0000-7000-8000-0*(\d+)"?/g,
      '#$1',
    )
  const told = args.filter((arg) => typeof arg !== 'object' || !(arg instanceof AbortSignal)).map(brief)
  const text = `${member}(${told.join(', ')}) → ${brief(answer)}`
  return text.length > 600 ? `${text.slice(0, 600)}…` : text
}

const boring = new Set(['stack', 'createdAt', 'keepSucceededMs', 'keepFailedMs', 'host', 'pid', 'tasks', 'ranMs'])
