/** What the engine knows of the server's health and settings, for `doctor`. Reads only. */
import type { Inspection } from '../store.ts'
import { movingInspection } from './moving.ts'
import type { Statements } from './statements.ts'

interface Row {
  readonly version: string
  readonly fsync: string
  readonly commit: string
  readonly full_page_writes: string
  readonly oldest_ms: string | null
  readonly oldest_who: string | null
  readonly most: number
  readonly used: number
}

const text = `select current_setting('server_version') as version, current_setting('fsync') as fsync,
    current_setting('synchronous_commit') as commit, current_setting('full_page_writes') as full_page_writes,
    oldest.ms as oldest_ms, oldest.who as oldest_who,
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as most,
    (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as used
  from (select) as one left join lateral (
    select (extract(epoch from clock_timestamp() - xact_start) * 1000)::bigint as ms,
      concat('session ', pid, ' (', coalesce(nullif(application_name, ''), 'without a name'), ')') as who
    from pg_stat_activity where backend_xmin is not null and pid <> pg_backend_pid() and datname = current_database()
    order by age(backend_xmin) desc limit 1
  ) oldest on true`

/** Rows that ended are kept for the oldest transaction that might still look at them. */
const longTransactionMs = 60_000

export async function inspect(statements: Statements): Promise<Inspection[]> {
  const row = await statements.one<Row>(text)

  return [
    { subject: 'server', verdict: 'good', detail: `PostgreSQL ${row.version}.` },
    durability(row),
    transactions(row),
    connections(row),
    ...(await movingInspection(statements)),
  ]
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

function transactions({ oldest_ms: oldest, oldest_who: who }: Row): Inspection {
  const subject = 'oldest transaction'
  if (oldest === null || Number(oldest) < longTransactionMs) return { subject, verdict: 'good', detail: 'None is old.' }

  const seconds = Math.round(Number(oldest) / 1000)
  const detail = `${who} has held one open for ${seconds} s: rows of ended jobs are kept for it, and the tables grow. End it.`
  return { subject, verdict: 'warning', detail }
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
