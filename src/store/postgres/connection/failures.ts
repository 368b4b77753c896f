/** What a failure means: whether anything has happened, and whether repeating helps. */
import {
  StoreAwayError,
  StoreBusyError,
  StoreFullError,
  StoreOpenError,
  StoreRefusedError,
  UnknownOutcomeError,
} from '../../../errors.ts'

/** A statement raised an error of its own: it has done nothing, and what it means is the engine's to say. */
export class RaisedError extends Error {
  readonly sqlState: string

  constructor(message: string, sqlState: string, cause: unknown) {
    super(message, { cause })
    this.sqlState = sqlState
  }
}

interface Said {
  readonly code: string
  readonly severity: string
  readonly message: string
}

/** An error that the server sent, in its own words. */
export function saidByServer(error: unknown): Said | undefined {
  const { code, severity } = (error ?? {}) as Partial<Said>

  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && typeof severity === 'string'
    ? (error as Said)
    : undefined
}

/** Undone by the server because of others, and bound to work when it is done again. */
export const isConflict = (error: unknown): boolean => ['40001', '40P01'].includes(saidByServer(error)?.code ?? '')

/** A prepared statement is there that was not, or is not that was: another session has taken the place of this one. */
export const isOfAnotherSession = (error: unknown): boolean =>
  ['42P05', '26000'].includes(saidByServer(error)?.code ?? '')

const busy = new Set([
  '40001',
  '40P01',
  // A lock that another transaction keeps, and a statement that took too long.
  '55P03',
  '57014',
  // Too many connections, starting or stopping, out of memory, and a server that is no longer the first.
  '53300',
  '57P03',
  '57P01',
  '57P02',
  '53200',
  '25006',
])
const full = new Set(['53100'])
/** Objects or rights that are missing: the schema was changed under a running store, or never was for this user. */
const refused = new Set(['42501', '42P01', '42883', '42703', '3F000', '3D000', '28P01', '28000', '0A000'])

/** While connecting: nothing has happened, whatever it was. */
export function whileConnecting(error: unknown, where: string, waitedMs: number): Error {
  const said = saidByServer(error)
  const cause = { cause: error }
  if ((error as { code?: string }).code === 'ERR_INVALID_URL')
    return new StoreOpenError(`The URL of the store at ${where} cannot be read: ${escaped}.`, cause)
  if (isOwnMistake(error))
    return new StoreOpenError(`The store at ${where} cannot be used with this pool: ${reasonOf(error)}.`, cause)
  if (!said) return unsaid(error, where, waitedMs)
  if (busy.has(said.code)) return new StoreBusyError(waitedMs, said.message, cause)

  const advice = said.message.startsWith('unsupported startup parameter') ? adviceOnPooler : adviceOn(said.code)

  return new StoreRefusedError(where, said.message, advice, cause)
}

/** What the driver or the network says. Some of it lasts, however long one waits. */
function unsaid(error: unknown, where: string, waitedMs: number): Error {
  const why = reasonOf(error)
  const lasting = adviceOnLasting(error)
  if (lasting) return new StoreRefusedError(where, why, lasting, { cause: error })
  const advice = adviceOnPlace(why)

  return new StoreAwayError(where, waitedMs, why, { cause: error, ...(advice && { advice }) })
}

function adviceOnLasting(error: unknown): string | undefined {
  const why = reasonOf(error)
  if (/client password must be a string/.test(why))
    return 'The server asks for a password and none was given. Write it into the URL, or set PGPASSWORD.'
  if (/does not support SSL/.test(why))
    return 'TLS was asked for, and the server does not speak it: leave out `sslmode` or `ssl`, or switch TLS on there.'
  if (untrusted.has((error as { code?: string }).code ?? ''))
    return "The server's certificate is not trusted here: name its authority with `sslrootcert`, or a name that it is for."

  return undefined
}

const escaped = 'write / as %2F, @ as %40 and # as %23 in user and password'

const untrusted = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])

/** Of a place where no server is, or another one than PostgreSQL: to wait longer would hardly help. */
function adviceOnPlace(why: string): string | undefined {
  if (/\bENOTFOUND\b/.test(why)) return `no host of that name is known: check host and port in the URL, and ${escaped}`
  if (/^no connection within|^Connection terminated/.test(why))
    return 'if the server is up, see whether it is PostgreSQL at that port'

  return undefined
}

/** No server says that: the pool is none, or has been ended. */
const isOwnMistake = (error: unknown): boolean =>
  error instanceof TypeError || /after calling end on the pool/.test(reasonOf(error))

const adviceOnPooler =
  'A pooler stands in between that refuses this setting: leave it out of the URL or the pool, or have the pooler ignore it ' +
  '(`ignore_startup_parameters` of pgbouncer). See "Through a pooler" in docs/guide/postgres.md.'

/** Trying again would meet the same. */
export const isFinalRefusal = (error: unknown): boolean => {
  const said = saidByServer(error)
  if (isOwnMistake(error) || (!said && adviceOnLasting(error))) return true

  return said !== undefined && !busy.has(said.code)
}

/** Once a statement was sent. Only an answer from a connection that lives on says that nothing has happened. */
export function afterSending(error: unknown, where: string, ranMs: number, ids: readonly string[]): Error {
  const said = saidByServer(error)
  const cause = { cause: error }
  if (said?.severity !== 'ERROR') return new UnknownOutcomeError(`a call to ${where}`, ids, error)
  if (busy.has(said.code)) return new StoreBusyError(ranMs, said.message, cause)
  if (full.has(said.code)) return new StoreFullError(where)
  if (refused.has(said.code)) return new StoreRefusedError(where, said.message, adviceOn(said.code), cause)

  return new RaisedError(said.message, said.code, error)
}

function adviceOn(code: string): string {
  if (code.startsWith('28')) return 'Correct the user and password in the URL, or see pg_hba.conf on the server.'
  if (code === '3D000') return 'Create the database, or correct its name in the URL.'
  if (code === '42501') return 'Give the user the right to it: see "Rights" in docs/guide/postgres.md.'
  if (code.startsWith('42') || code === '3F000')
    return 'The schema was changed or removed while in use: restart this process, with the version that the schema is of.'

  return 'See what the server says, and its log.'
}

/** Where a name has several addresses, Node gives an error without words for all of them together. */
export function reasonOf(error: unknown): string {
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [error]
  const { message, code } = (first ?? {}) as { message?: string; code?: string }

  return message || code || String(first)
}
