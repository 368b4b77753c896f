/**
 * Where a PostgreSQL store is, and how that is written as a URL:
 *
 *     postgres://user:password@host:5432/database?schema=errand
 *
 * What stands after the question mark is for the store, or for the connection (`sslmode`, `application_name`, …).
 */
import { StoreOpenError, UnknownOptionError } from '../../../errors.ts'
import { nearest } from '../../../nearest.ts'

export interface ReadUrl {
  /** For `pg`: without what is the store's. */
  readonly connectionString: string
  /** Options of the store among the URL's parameters, as they were written. */
  readonly options: Readonly<Record<string, string>>
}

/** Parameters that `pg` understands itself. */
const ofTheConnection = [
  'sslmode',
  'sslcert',
  'sslkey',
  'sslrootcert',
  'sslnegotiation',
  'uselibpqcompat',
  'ssl',
  'host',
  'port',
  'user',
  'password',
  'application_name',
  'fallback_application_name',
  'client_encoding',
  'options',
]

export const isPostgresUrl = (url: string): boolean => /^postgres(ql)?:\/\//.test(url)

/** @throws StoreOpenError, UnknownOptionError */
export function readUrl(url: string, optionNames: readonly string[]): ReadUrl {
  if (!isPostgresUrl(url)) {
    throw new StoreOpenError(
      `"${withoutPassword(url)}" is no URL of a PostgreSQL store. Expected "postgres://user:password@host:port/database?schema=errand".`,
    )
  }
  const [base = '', query = ''] = url.split(/\?(.*)/s)
  const parameters = [...new URLSearchParams(query)]
  const known = [...optionNames, ...ofTheConnection]
  for (const [name] of parameters) {
    if (!known.includes(name))
      throw new UnknownOptionError(name, 'the URL of the store', nearest(name, known), optionNames)
  }
  const rest = new URLSearchParams(parameters.filter(([name]) => !optionNames.includes(name))).toString()

  return {
    connectionString: rest ? `${base}?${rest}` : base,
    options: Object.fromEntries(parameters.filter(([name]) => optionNames.includes(name))),
  }
}

/** For people: no password, no user, no parameters. */
export const placeName = (url: string): string => url.replace(/\/\/.*@/, '//').replace(/\?.*$/s, '')

const withoutPassword = (url: string) => url.replace(/\/\/.*@/, '//…@').replace(/(password=)[^&]*/, '$1…')
