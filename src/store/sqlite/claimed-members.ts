/** What claimed jobs have waited for, handed to them with its results. */
import type { JobError } from '../../job.ts'
import type { Member } from '../store.ts'
import { flagsOf, type ClaimRow, type Reader } from './claimed-job.ts'
import { errorValue, finalState, flag, idFromHex, idText, stateCode, type FinalRow } from './job-row.ts'

/** More are for the worker to read page by page, so that no step takes long for them. */
const inline = { members: 1_000, bytes: 16 * 1024 * 1024 }
/** Once a claim has handed out as many as one job may bring, each further one brings no more than these. */
const few = 20
const membersPerPage = 500

type MemberRow = readonly [
  waiter: number,
  position: number,
  id: string,
  state: number,
  result: string | null,
  error: string | null,
]

/** By the waiter's number. Of jobs that are not there it must be asked one by one: together they have too many. */
export function membersTogether({ sql }: Reader, claimed: readonly ClaimRow[]): Map<number, Member[]> | undefined {
  const waiters = claimed.filter((row) => flagsOf(row) & flag.members).map(([seq]) => seq)
  if (waiters.length === 0) return undefined

  const rows = sql.membersTogether.all(JSON.stringify(waiters), inline.members) as MemberRow[]
  const found = new Map<number, Member[]>()
  let bytes = 0
  for (const row of rows) {
    const members = found.get(row[0])
    if (members) members.push(memberOf(row))
    else found.set(row[0], [memberOf(row)])
    bytes += row[4]?.length ?? 0
  }
  if (bytes > inline.bytes) return undefined
  if (rows.length === inline.members) found.delete(rows.at(-1)![0])
  return found
}

const memberOf = ([, index, id, state, result, error]: MemberRow): Member =>
  state === stateCode.succeeded && error === null
    ? { index, id: idFromHex(id), state: 'succeeded', result }
    : { index, ...ended({ id: idFromHex(id), state, result, error }) }

/** As many as may come with a claim that has handed out `before` of other jobs. */
export function membersOf(reader: Reader, waiter: number, before = 0): { members: Member[]; moreMembers?: true } {
  const members: Member[] = []
  const most = before < inline.members ? inline.members : few
  let bytes = 0
  for (let from: number | undefined = 0; from !== undefined;) {
    const page = membersPage(reader, waiter, from, Math.min(membersPerPage, most + 1))
    for (const member of page.members) {
      bytes += (member.result?.length ?? 0) + 100
      if (bytes > inline.bytes || members.length === most) return { members, moreMembers: true }
      members.push(member)
    }
    from = page.next
  }
  return { members }
}

/** What a job waited for and has ended, from this position on. */
export function membersPage(
  { sql }: Reader,
  waiter: number,
  from: number,
  most: number = membersPerPage,
): { members: Member[]; next?: number } {
  const rows = sql.endedMembers.all(waiter, from, most) as MemberRow[]
  const members = rows.map(memberOf)
  return rows.length < most ? { members } : { members, next: rows.at(-1)![1] + 1 }
}

/** A final job as those see it who waited for it. */
export function ended(row: Pick<FinalRow, 'state' | 'result' | 'error'> & { id: Uint8Array | string }): {
  id: string
  state: ReturnType<typeof finalState>
  result?: string | null
  error?: JobError
} {
  const state = finalState(row.state)
  return {
    id: idText(row.id),
    state,
    ...(state === 'succeeded' && { result: row.result }),
    ...(row.error !== null && { error: errorValue(row.error) }),
  }
}
