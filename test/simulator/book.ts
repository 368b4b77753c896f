/**
 * The book: what is known of every job and every worker's life, kept outside of the system.
 *
 * It is written from what callers asked and what the store answered, call by call, and from reading every job
 * now and then. It decides nothing; the checks compare with it and carry on in it.
 */
import type { FinalState } from '../../src/job.ts'
import type { NewJob } from '../../src/store/store.ts'
import type { Actor } from './actor.ts'

export interface Final {
  readonly state: FinalState
  /** Undefined where it is not known, such as when a job ended. */
  readonly result?: string | null | undefined
  readonly at?: number | undefined
  because?: string | undefined
}

export interface Page {
  readonly id: string
  job: NewJob
  input: string
  rank: number
  /** In the order of insertion. */
  seq: number
  createdAt: number
  /** Somebody was told that it is in. */
  acknowledged: boolean
  /** In the store, as far as is known; false once it was removed or pruned. */
  there: boolean
  removed: boolean
  claim: number
  holder: Life | undefined
  everClaimed: boolean
  /** Its holder is gone, and nobody has seen yet what became of the job. */
  lost: boolean
  attempts: number
  crashes: number
  notBefore: number
  expiresAt: number | undefined
  /** It may have none any more. */
  expiryInDoubt: boolean
  cancel: 'no' | 'asked' | 'told'
  /** When its worker was told, or was to be. */
  toldAt: number | undefined
  final: Final | undefined
  /** It stands in its line where it was inserted: it has never been anywhere but there and with workers. */
  plain: boolean
  keyFreed: boolean
  retriedByHand: boolean
  /** It has been final, and is not any more, or was not for a while. */
  reopened: boolean
  /** Somebody died who reported a step, so its steps are not known. */
  stepsInDoubt: boolean
  /** Somebody died who may have written to its history. */
  pastInDoubt: boolean
  /** It ended and nobody saw how, so its ends are not known. */
  endsInDoubt: boolean
  /** Whom it waits for by its own wish. */
  waitsOn: readonly string[]
  /** Its attempt has waited by its own wish, so that it may go on without a token. */
  goesOn: boolean
  /** It stands in its lane, which keeps its order, where it was inserted. */
  inLine: boolean
  /** It waits and nobody of its lane may go past: that it has its slot is sure. */
  holdsLine: boolean
  /** When it came to those it gathers with; undefined where that is not known, or it has been handed out. */
  gatheredAt: number | undefined
  /** Its latest first attempt, as its worker began it: by that it is held to. */
  firstTryAt: number | undefined
  /** Of the job of a tick. */
  schedule: string | undefined
  steps: Map<string, string>
  progress: number | undefined
  /** Log lines and failed attempts that were written. */
  lines: number
  failed: number
  /** How often it ended in a way that enqueues its task's follow-up, and the follow-ups seen. */
  successes: number
  failures: number
  thens: number
  sorries: number
  /** Of a follow-up made by the store: the job it follows. */
  parent: string | undefined
}

export interface Life {
  readonly id: string
  readonly actor: Actor
  readonly leaseMs: number
  /** Nobody may take its jobs before, in monotonic time. */
  surelyUntil: number
  gone: boolean
  left: boolean
  /** Its worker knows of it: it has taken a turn. */
  turned: boolean
  readonly held: Set<Page>
  /** The latest of each kind that it is yet to be told; undefined where that is not known. */
  messages: Map<string, string> | undefined
}

export class Book {
  readonly pages = new Map<string, Page>()
  readonly lives = new Map<string, Life>()
  readonly keys = new Map<string, Page[]>()
  readonly paused = new Set<string>()
  readonly ticks = new Set<string>()
  /** The job of each tick that it stands for, as its metadata says. */
  readonly tickJobs = new Map<string, string>()
  /** The most slots a lane has ever had. */
  readonly lanes = new Map<string, number>()
  /** Until when a rate is closed. */
  readonly closed = new Map<string, number>()
  /** Starts by rate, newest last. */
  readonly starts = new Map<string, { id: string; claim: number; at: number }[]>()
  /** Outcomes accepted, by kind; undefined once something happened whose answer nobody heard. */
  readonly tally = new Map<string, number>()
  tallyIsCertain = true
  readonly tried = new Set<string>()
  readonly refused = new Set<string>()
  readonly duplicated = new Set<string>()
  lastUpkeepAt = -Infinity
  retries = 0
  #seq = 0

  add(job: NewJob, now: number): Page {
    const standsAtOnce = !job.due && !job.after && !job.held
    const page: Page = {
      id: job.id,
      job,
      input: job.input,
      rank: job.rank,
      seq: ++this.#seq,
      createdAt: now,
      acknowledged: this.pages.get(job.id)?.acknowledged ?? false,
      there: true,
      removed: false,
      claim: 0,
      holder: undefined,
      everClaimed: false,
      lost: false,
      attempts: 0,
      crashes: 0,
      notBefore: momentOf(job.due, now) ?? -Infinity,
      expiresAt: momentOf(job.expires, now),
      expiryInDoubt: false,
      cancel: 'no',
      toldAt: undefined,
      final: undefined,
      plain: standsAtOnce && !job.lane && !job.rate,
      keyFreed: false,
      retriedByHand: false,
      reopened: this.pages.has(job.id),
      stepsInDoubt: false,
      endsInDoubt: false,
      pastInDoubt: false,
      waitsOn: job.after?.on ?? [],
      goesOn: false,
      inLine: job.lane?.ordered === true && standsAtOnce,
      holdsLine: false,
      gatheredAt: job.lane?.gather && standsAtOnce ? now : undefined,
      firstTryAt: undefined,
      schedule: undefined,
      steps: new Map(),
      progress: undefined,
      lines: 0,
      failed: 0,
      successes: 0,
      failures: 0,
      thens: 0,
      sorries: 0,
      parent: undefined,
    }
    this.pages.set(job.id, page)
    if (job.lane && !job.lane.gather)
      this.lanes.set(job.lane.name, Math.max(this.lanes.get(job.lane.name) ?? 0, job.lane.slots))
    if (job.unique) this.keys.set(keyOf(job)!, [...(this.keys.get(keyOf(job)!) ?? []), page])

    return page
  }

  /** The job is in nobody's hands any more. */
  letGo(page: Page): void {
    page.holder?.held.delete(page)
    page.holder = undefined
    page.lost = false
  }

  end(page: Page, final: Final): void {
    this.letGo(page)
    page.final = final
    page.keyFreed = true
    if (final.state === 'succeeded') {
      page.successes++
      page.steps.clear()
    } else if (final.state !== 'cancelled') page.failures++
  }

  count(kind: string, times = 1): void {
    this.tally.set(kind, (this.tally.get(kind) ?? 0) + times)
  }

  /** Given back unstarted: its token is free again. */
  forgetStart({ id, claim, job }: Page): void {
    const starts = job.rate && this.starts.get(job.rate.name)
    const start = starts?.findIndex((each) => each.id === id && each.claim === claim) ?? -1
    if (start !== -1) starts!.splice(start, 1)
  }

  /** This life is over: what it held is lost until it is seen again. */
  lose(life: Life): void {
    life.gone = true
    for (const page of life.held) {
      page.holder = undefined
      page.lost = true
    }
    life.held.clear()
  }
}

export const keyOf = ({ task, unique }: NewJob): string | undefined => unique && `${task} ${unique.key}`

export function momentOf(due: NewJob['due'], now: number): number | undefined {
  if (!due) return undefined
  return 'at' in due ? due.at : now + due.inMs
}

/** The last part tells them apart. */
export const shortId = (id: string): string => id.replace(/^[0-]*7000-8000-0*/, '#')
