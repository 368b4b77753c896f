/** Enqueueing, and ending a job, inside transactions of the caller's. What it takes of them is in migrations/0009_apart.sql. */
import { TransactionError } from '../../errors.ts'
import { checkCalls, checkSettlement } from '../checked-times.ts'
import type { IncarnationId, InsertOutcome, NewJob, Report, SettledWith, Settlement } from '../store.ts'
import { askWithin, literal } from './callers-transaction.ts'
import type { Clock } from './clock.ts'
import type { Connection } from './connection/connection.ts'
import { namedIn, specOf } from './encode.ts'
import { inSchema } from './migrate.ts'
import type { Names, Numbered } from './names.ts'

export interface CallersSettlement {
  readonly incarnation: IncarnationId
  readonly settlement: Settlement
  readonly reports: readonly Report[]
}

export class Transactions {
  readonly #names: Names
  readonly #clock: Clock
  readonly #schema: string
  readonly #where: string

  constructor(parts: { names: Names; clock: Clock; schema: string; where: string }) {
    this.#names = parts.names
    this.#clock = parts.clock
    this.#schema = parts.schema
    this.#where = parts.where
  }

  /** Asked when the store opens: later, every connection of a pool may be in the hands of those who call here. */
  async open({ query }: Connection): Promise<void> {
    const [row] = await query<{ mark: string }>(inSchema('select errand.mark_of_store() as mark', this.#schema))
    this.#names.seen(row!.mark)
  }

  async insert(transaction: unknown, calls: readonly (readonly NewJob[])[]): Promise<InsertOutcome[][]> {
    checkCalls(calls)
    const names = await this.#numbersIn(transaction, calls.flat())
    const specs = calls.map((jobs) => jobs.map((job) => specOf(job, names)))
    const answer = await this.#call(transaction, 'errand.insert_with', literal(JSON.stringify(specs)))

    return JSON.parse(answer) as InsertOutcome[][]
  }

  async settle(transaction: unknown, { incarnation, settlement, reports }: CallersSettlement): Promise<SettledWith> {
    checkSettlement(settlement)
    const { claim, outcome, ranMs, followUps = [] } = settlement
    const names = await this.#numbersIn(transaction, followUps)
    const end = {
      id: claim.id,
      claim: claim.claim,
      ran: Math.round(ranMs),
      result: 'result' in outcome ? outcome.result : null,
      follow: followUps.map((job) => specOf(job, names)),
    }
    const said = JSON.stringify(reports.map(saidOf))

    return (await this.#call(
      transaction,
      'errand.settle_with',
      `${literal(incarnation)}, ${literal(JSON.stringify(end))}, ${literal(said)}`,
    )) as SettledWith
  }

  async #call(transaction: unknown, called: string, values: string): Promise<string> {
    const now = this.#clock().now
    const mark = literal(this.#names.mark)

    return this.#ask(
      transaction,
      called,
      `select ${called}(${mark}, ${now === null ? 'null' : Math.round(now)}, ${values})::text as answer`,
    )
  }

  /** Only the function's own name is of a schema: what the values say is the caller's. */
  async #ask(transaction: unknown, called: string, text: string): Promise<string> {
    const meant = text.replace(called, () => inSchema(called, this.#schema))
    try {
      return await askWithin(transaction, meant, this.#where)
    } catch (error) {
      if (error instanceof TransactionError && (await this.#isAnew())) throw madeAnew(error.cause)
      throw error
    }
  }

  /** Whether the store was dropped and made anew since its numbers were learned; from now on they are those of the new one. */
  async #isAnew(): Promise<boolean> {
    const { mark } = this.#names
    await this.#names.lookAnew()

    return this.#names.mark !== mark
  }

  /**
   * Names that are new get their numbers on a connection of ours, lest everybody else wait for them until the transaction ends.
   * Where it has brought them itself already, in a trigger, waiting for it would be for ever: then it is asked, and nothing of
   * that is remembered, since it may be rolled back.
   */
  async #numbersIn(transaction: unknown, jobs: readonly NewJob[]): Promise<Numbered> {
    const known = this.#names
    const named = [...namedIn(jobs)]
    const unknown = () => ({
      queues: [...new Set(named.map(({ queue }) => queue))].filter((queue) => known.queueNo(queue) === undefined),
      tasks: [...new Set(named.map(({ task }) => task))].filter((task) => known.taskNo(task) === undefined),
    })
    const before = unknown()
    if (before.queues.length + before.tasks.length === 0) return known
    await known.knowNow(before.queues, before.tasks)
    const { queues, tasks } = unknown()
    if (queues.length + tasks.length === 0) return known

    const wanted = `${textArray(queues)}, ${textArray(tasks)}`
    const text = `select json_agg(json_build_array(kind, name, no))::text as answer from errand.names(${wanted})`
    const answer = await this.#ask(transaction, 'errand.names', text)
    const numbers = new Map(
      (JSON.parse(answer) as [string, string, number][]).map(([kind, name, no]) => [kind + name, no]),
    )

    return {
      mark: known.mark,
      queueNo: (name) => known.queueNo(name) ?? numbers.get(`q${name}`)!,
      taskNo: (name) => known.taskNo(name) ?? numbers.get(`t${name}`)!,
    }
  }
}

const madeAnew = (cause: unknown) =>
  new TransactionError(
    'The store was dropped and made anew since it was opened here, and nothing was enqueued in it. Roll the transaction back and ' +
      'run it again.',
    { cause },
  )

const textArray = (texts: readonly string[]) => `array[${texts.map(literal).join(', ')}]::text[]`

function saidOf(report: Report): object {
  if (report.kind === 'progress') return { kind: 'progress', progress: JSON.stringify(report.progress) }
  if (report.kind === 'log') return { kind: 'log', line: JSON.stringify(report.line) }

  return report
}
