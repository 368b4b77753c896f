/**
 * Brings the schema up to date: numbered files, each run once, forward only.
 *
 * All that is missing runs in one transaction under a lock, so of several processes that start together one migrates and
 * the others find it done, and one that is killed midway leaves nothing behind. A released file is never edited; a test keeps
 * the checksums. docs/design/schema-versions.md says what a file may do while older processes go on working.
 */
import { StoreOpenError, StoreTooNewError } from '../../errors.ts'
import { migrationsIn, type Migration } from '../migrations.ts'
import type { Connection, Query } from './connection/connection.ts'
import { RaisedError } from './connection/failures.ts'

export const migrationsFolder: URL = new URL('./migrations/', import.meta.url)

/** The files are written for a schema called `errand`; this is one for another. */
export function inSchema(sql: string, schema: string): string {
  return schema === 'errand' ? sql : sql.replaceAll(/\berrand\./g, () => `"${schema}".`)
}

/** @throws StoreTooNewError and what a connection throws */
export async function migrate(
  connection: Connection,
  schema: string,
  known: readonly Migration[] = migrationsIn(migrationsFolder),
): Promise<void> {
  if (isCurrent(await stateOf(connection.query, schema), connection.where, known)) return

  await connection.transaction(async (query) => {
    await query(`set local lock_timeout = '60s'`)
    await query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`errand migrates ${schema}`])
    const state = await stateOf(query, schema)
    // Another process may have done it while this one waited for the lock.
    if (!isCurrent(state, connection.where, known)) await run(query, schema, state, known)
  })
}

interface State {
  readonly version: number
  /** What a process must know at least. */
  readonly oldest: number
}

const nothing: State = { version: 0, oldest: 0 }

function isCurrent({ version, oldest }: State, where: string, known: readonly Migration[]): boolean {
  const newest = known.at(-1)!.version
  if (oldest > newest) throw new StoreTooNewError(where, version, newest)

  return version >= newest
}

/** Whether any process has made a store there. */
export async function isMigrated(query: Query, schema: string): Promise<boolean> {
  // Read from the tables themselves: a name that was missing a moment ago is remembered as missing, and another process may have
  // made the schema since.
  const [found] = await query<{ there: boolean }>(
    `select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relname = 'migration') as there`,
    [schema],
  )

  return found?.there ?? false
}

async function stateOf(query: Query, schema: string): Promise<State> {
  if (!(await isMigrated(query, schema))) return nothing

  const text = `select coalesce(max(version), 0) as version, coalesce(max(oldest), 0) as oldest from "${schema}".migration`
  const [state] = await query<State>(text)

  return state!
}

async function run(query: Query, schema: string, { version: from }: State, known: readonly Migration[]): Promise<void> {
  // Whoever may not make schemas can have theirs made for them, and `if not exists` asks for the right all the same.
  const [there] = await query('select 1 from pg_namespace where nspname = $1', [schema])
  if (!there) await query(`create schema "${schema}"`)
  await query(`create table if not exists "${schema}".migration (
    version int primary key, file text not null, oldest int not null, at timestamptz not null default now()
  )`)
  for (const { version, file, sql, oldest } of known.filter((each) => each.version > from)) {
    await runFile(query, file, inSchema(sql, schema))
    await query(`insert into "${schema}".migration (version, file, oldest) values ($1, $2, $3)`, [
      version,
      file,
      oldest,
    ])
  }
}

async function runFile(query: Query, file: string, sql: string): Promise<void> {
  try {
    await query(sql)
  } catch (cause) {
    if (!(cause instanceof RaisedError)) throw cause
    throw new StoreOpenError(
      `The schema could not be brought up to date: ${file} failed ("${cause.message}"). Nothing of it was kept. Look for tables ` +
        `of others in the same schema, or choose another with \`schema\`.`,
      { cause },
    )
  }
}
