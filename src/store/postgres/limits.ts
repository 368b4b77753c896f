/** Limits by name, as people read and set them. */
import type { LimitQuery, LimitRecord, LimitValue } from '../store.ts'
import type { Clock } from './clock.ts'
import { number, present } from './decode.ts'
import { queuesIn } from './inserter.ts'
import type { Statements } from './statements.ts'

const pageSize = { usual: 100, most: 500 }

interface LimitRow {
  readonly name: string
  readonly slots: string | null
  readonly taken: string | null
  readonly waiting: string | null
  readonly tokens: string | null
  readonly per_ms: string | null
  readonly free: string | null
  readonly closed_for: string | null
  readonly pinned: boolean
}

/** Says in which queues there is work now. */
export async function setLimit(
  statements: Statements,
  name: string,
  value: LimitValue | 'unpinned',
): Promise<number[]> {
  if (value === 'unpinned') {
    await statements.all('select errand.unpin_limit($1)', [name])
    return []
  }

  const { slots = null, tokens = null, perMs = null } = value
  const text = 'select errand.set_limit($1, $2, $3, $4) as arrivals'
  const { arrivals } = await statements.one<{ arrivals: string | null }>(text, [name, slots, tokens, perMs])
  return queuesIn(arrivals)
}

export async function listLimits(
  { statements, clock }: { readonly statements: Statements; readonly clock: Clock },
  { prefix = '', after, limit = pageSize.usual }: LimitQuery,
): Promise<LimitRecord[]> {
  const text = 'select * from errand.list_limits($1, $2, $3, $4)'
  const values = [clock().now, prefix, after ?? null, Math.min(limit, pageSize.most)]
  return (await statements.all<LimitRow>(text, values)).map(recordOf)
}

function recordOf({ name, pinned, ...row }: LimitRow): LimitRecord {
  return present<LimitRecord>({
    name,
    slots: number(row.slots),
    taken: number(row.taken),
    waiting: number(row.waiting),
    tokens: number(row.tokens),
    perMs: number(row.per_ms),
    free: row.tokens === null ? undefined : number(row.free),
    closedForMs: number(row.closed_for),
    pinned,
  })
}
