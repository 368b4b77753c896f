/**
 * A statement of ours inside a transaction of the caller's: on a client of `pg`, or through Kysely or Drizzle.
 *
 * Each of them takes a text as it stands, and none the values beside it in the same way, so they stand in the text.
 */
import { shown, StoreBusyError, TransactionError } from '../../errors.ts'

/** What query builders and drivers answer with. */
type Answer = { readonly rows?: readonly unknown[] } | readonly unknown[]

interface PgClient {
  query(text: string): Promise<Answer>
}

interface Kysely {
  readonly isTransaction: boolean
  executeQuery(query: object): Promise<Answer>
}

interface Drizzle {
  execute(text: string): PromiseLike<Answer>
}

/** Runs a statement that gives one row with one text. @throws TransactionError, StoreBusyError, and what its driver throws */
export async function askWithin(transaction: unknown, text: string, where: string): Promise<string> {
  const run = runnerOf(transaction)
  try {
    const answer = await run(text)
    const rows = (Array.isArray(answer) ? answer : (answer as { rows: unknown[] }).rows) as object[]

    return String(Object.values(rows[0]!)[0])
  } catch (error) {
    throw meaningOf(error, where)
  }
}

function runnerOf(transaction: unknown): (text: string) => PromiseLike<Answer> {
  if (isKysely(transaction)) {
    if (!transaction.isTransaction) throw notOpen('Kysely instance', '`trx` of `db.transaction().execute(…)`')
    return (text) => transaction.executeQuery(rawQuery(text))
  }
  if (isDrizzle(transaction)) return (text) => transaction.execute(text)
  if (isPool(transaction)) throw notOpen('Pool', 'a client of it, `await pool.connect()`, after its BEGIN')
  if (isPgClient(transaction)) return (text) => transaction.query(text)

  throw new TransactionError(
    `Expected \`tx\` to be a client of pg with an open transaction, or a transaction of Kysely or Drizzle, got ${shown(transaction)}.`,
  )
}

const has = (value: unknown, ...names: string[]): boolean =>
  typeof value === 'object' && value !== null && names.every((name) => name in value)

const isKysely = (value: unknown): value is Kysely => has(value, 'executeQuery', 'isTransaction')
const isDrizzle = (value: unknown): value is Drizzle => has(value, 'execute', 'transaction')
const isPool = (value: unknown) => has(value, 'query', 'connect', 'totalCount')
const isPgClient = (value: unknown): value is PgClient => has(value, 'query')

const notOpen = (what: string, instead: string) =>
  new TransactionError(
    `The ${what} passed as \`tx\` is no transaction: its statements go to any connection. Pass ${instead}.`,
  )

/** As `CompiledQuery.raw` of Kysely makes it. */
const rawQuery = (sql: string) => ({
  sql,
  parameters: [],
  query: { kind: 'RawNode', sqlFragments: [sql], parameters: [] },
  queryId: { queryId: 'errand' },
})

/** Whatever the server's settings are, this stands for exactly this text. */
export const literal = (text: string | null): string =>
  text === null ? 'null' : `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`

const conflicts = new Set(['40001', '40P01', '55P03', '57014'])
const strangers = new Set(['ER006', '3F000', '42883', '42P01'])

function meaningOf(error: unknown, where: string): unknown {
  const cause = { cause: error }
  const state = sqlStateOf(error)
  if (state === 'ER005') {
    return new TransactionError('The connection passed as `tx` has no open transaction. Run BEGIN on it first.', cause)
  }
  if (state === '25P02') {
    return new TransactionError(
      'The transaction passed as `tx` has failed already, in a statement before this one, so nothing more can be done in it. Roll ' +
        'it back; the error of that statement says why.',
      cause,
    )
  }
  if (state === '25006') {
    return new TransactionError(
      'The transaction passed as `tx` is read-only, so no job can be written in it. Begin it without READ ONLY; where the server is a ' +
        'standby, connect to the primary.',
      cause,
    )
  }
  if (strangers.has(state ?? '')) {
    return new TransactionError(
      `The transaction passed as \`tx\` is not on the store's database, ${where}. One transaction cannot span two: open the ` +
        `connection there, or enqueue without \`tx\`.`,
      cause,
    )
  }
  if (conflicts.has(state ?? '')) return new StoreBusyError(0, (error as Error).message, cause)

  return error
}

/** Drizzle wraps what the driver threw. */
function sqlStateOf(error: unknown): string | undefined {
  for (let each = error, depth = 0; each instanceof Error && depth < 5; each = each.cause, depth++) {
    const { code } = each as { code?: unknown }
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) return code
  }
  return undefined
}
