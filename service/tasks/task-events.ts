/** A task's record as it changes, as server-sent events: a snapshot, each change, and an end. */
import type { Errand } from 'errand'
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { Follower } from './follower.ts'
import type { TaskRow } from './records.ts'
import { isFinalStatus } from './task-of-job.ts'
import { ticking } from './ticking.ts'

interface Parts {
  readonly errand: Errand
  readonly follower: Follower
  readonly recordOf: (row: TaskRow) => object
  /** Whether the caller may still listen. */
  readonly isWelcome: () => Promise<boolean>
  /** Aborted when the service stops. */
  readonly closing: AbortSignal
  /** Told when the stream is open; gives what to call when it has ended. */
  readonly opened: () => () => void
}

const heartbeatMs = 10_000
const lookAgainMs = 500
/** The id of the last event: who reconnects with it has seen the end. */
const endId = 'end'

export function taskEvents(c: Context, row: TaskRow, parts: Parts): Response {
  // An EventSource comes back whenever a stream ends; only this answer stops it.
  if (c.req.header('Last-Event-ID') === endId) return c.body(null, 204)

  return streamSSE(c, async (stream) => {
    const ended = parts.opened()
    const gone = new AbortController()
    stream.onAbort(() => gone.abort())
    const signal = AbortSignal.any([gone.signal, parts.closing])
    const heartbeat = setInterval(() => void stream.write(': still here\n\n'), heartbeatMs)
    let sent = 0

    try {
      for await (const { event, record } of changes(row, parts, signal)) {
        sent += 1
        const id = event === 'end' ? endId : String(sent)
        await stream.writeSSE({ event, id, data: JSON.stringify(parts.recordOf(record)) })
      }
    } finally {
      clearInterval(heartbeat)
      gone.abort()
      ended()
    }
  })
}

async function* changes(row: TaskRow, { errand, follower, isWelcome }: Parts, signal: AbortSignal) {
  let record = await follower.current(row)
  yield { event: 'snapshot', record }
  if (isFinalStatus(record.status)) {
    yield { event: 'end', record }
    return
  }

  // News from other processes may be late or lost; the record itself never is for long.
  for await (const update of ticking(errand.job(row.task_id).updates({ signal }), lookAgainMs)) {
    if (update === 'tick' && !(await isWelcome())) return
    if (update !== 'tick' && update.kind === 'log') continue
    const next = await follower.current(record)
    if (next === record) continue
    record = next
    yield { event: isFinalStatus(record.status) ? 'end' : 'update', record }
    if (isFinalStatus(record.status)) return
  }
}
