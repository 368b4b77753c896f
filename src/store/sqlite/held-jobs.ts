/** What an incarnation holds, handed out again. */
import type { ClaimedJob } from '../store.ts'
import { claimedJob, type ClaimRow } from './claimed-job.ts'
import type { Reading } from './turn.ts'

export function heldJobs(reading: Reading, n: number): ClaimedJob[] {
  const reader = { ...reading, anySteps: reading.sql.anyStep.get() !== undefined }
  const rows = reading.sql.claimedBy.all(n, -1) as {
    seq: number
    claim: number
    since: number
    cancel_at: number | null
  }[]
  return rows.map(({ seq, claim, since, cancel_at: cancelAt }) => {
    const job = claimedJob(reader, reading.sql.claimedRow.get(seq) as ClaimRow, claim, since)
    return cancelAt === null ? job : Object.assign(job, { cancelRequested: true })
  })
}
