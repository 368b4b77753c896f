/** Enqueueing, and ending a job, inside transactions of the caller's. What it takes of them is in migrations/0009_apart.sql. */
import type { IncarnationId, InsertOutcome, NewJob, Report, SettledWith, Settlement } from '../store.ts'
import { askWithin, literal } from './callers-transaction.ts'
import type { Clock } from './clock.ts'
import { namedIn, specOf } from './encode.ts'
import { inSchema } from './migrate.ts'
import type { Names } from './names.ts'
import type { Statements } from './statements.ts'

export interface CallersSettlement {
  readonly incarnation: IncarnationId
  readonly settlement: Settlement
  readonly reports: readonly Report[]
}

export class Transactions {
  readonly #statements: Statements
  readonly #names: Names
  readonly #clock: Clock
  readonly #schema: string
  readonly #where: string
  #mark: Promise<string> | undefined

  constructor(parts: { statements: Statements; names: Names; clock: Clock; schema: string; where: string }) {
    this.#statements = parts.statements
    this.#names = parts.names
    this.#clock = parts.clock
    this.#schema = parts.schema
    this.#where = parts.where
  }

  async insert(transaction: unknown, calls: readonly (readonly NewJob[])[]): Promise<InsertOutcome[][]> {
    await this.#names.know(namedIn(calls.flat()))
    const specs = calls.map((jobs) => jobs.map((job) => specOf(job, this.#names)))
    const answer = await this.#ask(transaction, 'errand.insert_with', literal(JSON.stringify(specs)))

    return JSON.parse(answer) as InsertOutcome[][]
  }

  async settle(transaction: unknown, { incarnation, settlement, reports }: CallersSettlement): Promise<SettledWith> {
    const { claim, outcome, ranMs, followUps = [] } = settlement
    await this.#names.know(namedIn(followUps))
    const end = {
      id: claim.id,
      claim: claim.claim,
      ran: Math.round(ranMs),
      result: 'result' in outcome ? outcome.result : null,
      follow: followUps.map((job) => specOf(job, this.#names)),
    }
    const said = JSON.stringify(reports.map(saidOf))

    return (await this.#ask(
      transaction,
      'errand.settle_with',
      `${literal(incarnation)}, ${literal(JSON.stringify(end))}, ${literal(said)}`,
    )) as SettledWith
  }

  async #ask(transaction: unknown, called: string, values: string): Promise<string> {
    const now = this.#clock().now
    const text = `select ${called}(${literal(await this.#markOfStore())}, ${now === null ? 'null' : Math.round(now)}, ${values})::text as answer`

    return askWithin(transaction, inSchemaBefore(text, called, this.#schema), this.#where)
  }

  /** Asked once; what failed is asked again. */
  #markOfStore(): Promise<string> {
    this.#mark ??= this.#statements.one<{ mark: string }>('select errand.mark_of_store() as mark').then(
      ({ mark }) => mark,
      (error: unknown) => {
        this.#mark = undefined
        throw error
      },
    )
    return this.#mark
  }
}

/** Only the function's own name: what the values say is the caller's. */
const inSchemaBefore = (text: string, called: string, schema: string) =>
  text.replace(called, () => inSchema(called, schema))

function saidOf(report: Report): object {
  if (report.kind === 'progress') return { kind: 'progress', progress: JSON.stringify(report.progress) }
  if (report.kind === 'log') return { kind: 'log', line: JSON.stringify(report.line) }

  return report
}
