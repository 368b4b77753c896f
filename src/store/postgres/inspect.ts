/** What the engine knows of the server's health and settings, for `doctor`. Reads only. */
import type { Inspection } from '../store.ts'
import type { Query } from './connection/connection.ts'
import { movingInspection } from './moving.ts'
import type { Statements } from './statements.ts'

interface Row {
  readonly version: string
  readonly fsync: string
  readonly commit: string
  readonly full_page_writes: string
  readonly oldest_ms: string | null
  readonly oldest_who: string | null
  readonly oldest_end: string | null
  readonly hidden: boolean
  readonly most: number
  readonly used: number
}

/**
 * Who has a transaction open that has read or written holds back the clearing away of rows; so does a prepared one, which has no
 * session. One that has written alone has only a number, and no snapshot.
 */
const text = `select current_setting('server_version') as version, current_setting('fsync') as fsync,
    current_setting('synchronous_commit') as commit, current_setting('full_page_writes') as full_page_writes,
    oldest.ms as oldest_ms, oldest.who as oldest_who, oldest.ending as oldest_end,
    exists (select from pg_stat_activity where datname = current_database() and query = '<insufficient privilege>') as hidden,
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as most,
    (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as used
  from (select) as one left join lateral (
    select (extract(epoch from clock_timestamp() - since) * 1000)::bigint as ms, who, ending from (
      select xact_start as since, concat('session ', pid, ' (', coalesce(nullif(application_name, ''), 'without a name'), ')') as who,
        format('select pg_terminate_backend(%s)', pid) as ending
      from pg_stat_activity where coalesce(backend_xmin, backend_xid) is not null and pid <> pg_backend_pid() and datname = current_database()
      union all
      select prepared, concat('the prepared transaction ', quote_literal(gid)), format('rollback prepared %L', gid)
      from pg_prepared_xacts where database = current_database()
    ) held where since is not null order by since limit 1
  ) oldest on true`

/** Rows that ended are kept for the oldest transaction that might still look at them. */
const longTransactionMs = 60_000

export async function inspect(statements: Statements): Promise<Inspection[]> {
  const query: Query = (asked) => statements.all(asked)

  return [...(await inspectServer(query)), await schema(query), ...(await movingInspection(statements))]
}

/** What can be said where there is no store yet. */
export async function inspectServer(query: Query, longMs: number = longTransactionMs): Promise<Inspection[]> {
  const [row] = await query<Row>(text)

  return [
    { subject: 'server', verdict: 'good', detail: `PostgreSQL ${row!.version}.` },
    durability(row!),
    transactions(row!, longMs),
    ...(await slots(query)),
    connections(row!),
  ]
}

async function schema(query: Query): Promise<Inspection> {
  const [row] = await query<{ version: number }>('select max(version) as version from errand.migration')

  return { subject: 'schema', verdict: 'good', detail: `Version ${row!.version}.` }
}

function durability({ fsync, commit, full_page_writes }: Row): Inspection {
  const subject = 'durability'
  if (fsync !== 'on' || full_page_writes !== 'on') {
    const detail = `fsync=${fsync}, full_page_writes=${full_page_writes}: a power cut may take jobs, or the whole database. Turn both on.`
    return { subject, verdict: 'bad', detail }
  }
  if (commit === 'off') {
    const detail = 'synchronous_commit=off: a crash of the server may take the last jobs that were acknowledged.'
    return { subject, verdict: 'warning', detail }
  }
  return { subject, verdict: 'good', detail: `fsync=on, synchronous_commit=${commit}: jobs survive a power cut.` }
}

function transactions(
  { oldest_ms: oldest, oldest_who: who, oldest_end: ending, hidden }: Row,
  longMs: number,
): Inspection {
  const subject = 'oldest transaction'
  if (oldest === null || Number(oldest) < longMs) {
    const unseen = ' of those that this user may see. To see all: grant pg_read_all_stats'
    return { subject, verdict: 'good', detail: `None is old${hidden ? unseen : ''}.` }
  }

  const seconds = Math.round(Number(oldest) / 1000)
  const detail = `${who} has been open for ${seconds} s: rows of ended jobs are kept for it, and the tables grow. End it: ${ending}`
  return { subject, verdict: 'warning', detail }
}

interface Slot {
  readonly name: string
  readonly kept: string | null
}

/** For whoever has left one behind, the server keeps its log for ever, and rows as well for a standby that had asked for that. */
async function slots(query: Query): Promise<Inspection[]> {
  const left = await query<Slot>(`select slot_name as name,
      case when not pg_is_in_recovery() then pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) end as kept
    from pg_replication_slots where not active and (restart_lsn is not null or xmin is not null) order by slot_name`)

  return left.map(({ name, kept }) => ({
    subject: `replication slot ${name}`,
    verdict: 'warning',
    detail: `Nobody uses it, and the server keeps ${kept ?? 'its log'} for it, and more all the time. If nobody comes back to it, drop it.`,
  }))
}

/** A process opens ten of its own unless told otherwise. */
const fewConnections = 10

function connections({ most, used }: Row): Inspection {
  const subject = 'connections'
  const detail = `${used} of ${most} are in use.`
  if (most - used >= fewConnections) return { subject, verdict: 'good', detail }

  const advice = 'Raise max_connections, lower `connections` of the processes, or put a pooler between.'
  return { subject, verdict: 'warning', detail: `${detail} The next process may find none. ${advice}` }
}
