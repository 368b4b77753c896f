/** Lanes and rates by name, a portion per call. */
import type { LimitQuery, LimitRecord } from '../store.ts'
import type { Caller } from './caller.ts'

const pageSize = { usual: 100, most: 500 }

type Cell = number | ''
type Row = readonly [
  name: string,
  slots: Cell,
  taken: Cell,
  waiting: Cell,
  tokens: Cell,
  perMs: Cell,
  free: Cell,
  closedForMs: Cell,
  pinned: number,
]

export async function listLimits(
  caller: Caller,
  { prefix = '', after = '', limit = pageSize.usual }: LimitQuery,
): Promise<LimitRecord[]> {
  const wanted = Math.min(limit, pageSize.most)
  const records: LimitRecord[] = []
  let behind = after
  do {
    const [rows, next] = await caller.look<[Row[], string]>('limits', behind, prefix, wanted - records.length)
    records.push(...rows.map(recordFrom))
    behind = next
  } while (behind !== '' && records.length < wanted)
  return records
}

function recordFrom([name, slots, taken, waiting, tokens, perMs, free, closedForMs, pinned]: Row): LimitRecord {
  const known = Object.entries({ slots, taken, waiting, tokens, perMs, free, closedForMs }).filter(
    ([, value]) => value !== '',
  )
  return { name, ...Object.fromEntries(known), pinned: pinned === 1 }
}
