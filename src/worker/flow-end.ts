/** How a flow that a handler waits for has ended, where that has to be asked. */
import { JobNotFoundError, ResultGoneError } from '../errors.ts'
import { isFinal } from '../job.ts'
import type { Runtime } from '../runtime.ts'
import type { CancelAnswer, JobRecord, Member } from '../store/store.ts'
import { WorkflowHandle } from '../workflow/handle.ts'

export type FlowEnd = Omit<Member, 'index'>

/** One that has ended is left alone: what it has started lives by itself. */
export async function endedOrCancelled(runtime: Runtime, flow: string): Promise<FlowEnd | 'cancelled'> {
  const end = await endOf(runtime, flow)
  if (end) return end
  const answer = await cancelIfThere(runtime, flow)

  return (answer === 'final' && (await endOf(runtime, flow))) || 'cancelled'
}

export async function cancelIfThere(runtime: Runtime, flow: string): Promise<CancelAnswer | undefined> {
  try {
    return await new WorkflowHandle(runtime, flow).cancel()
  } catch (error) {
    if (error instanceof JobNotFoundError || error instanceof ResultGoneError) return undefined
    throw error
  }
}

/** Whether somebody has cancelled it after that time, and not because of a failure. */
export async function isCancelledSince(runtime: Runtime, { id, state }: FlowEnd, since: number): Promise<boolean> {
  if (state !== 'cancelled') return false
  const last = await lastOf(runtime, id)

  return last !== undefined && last.because === undefined && (last.finishedAt ?? 0) >= since
}

/** Whether a flow that was cancelled goes on again, or has by now ended otherwise: somebody has retried it. */
export async function isRetried(runtime: Runtime, flow: FlowEnd | string): Promise<boolean> {
  if (typeof flow !== 'string') return flow.state !== 'cancelled'
  const last = await lastOf(runtime, flow)
  if (!last || last.state === 'cancelled') return false

  return isFinal(last.state) || last.cancelRequestedAt === undefined
}

async function endOf(runtime: Runtime, flow: string): Promise<FlowEnd | undefined> {
  const last = await lastOf(runtime, flow)

  return last && isFinal(last.state) ? (last as FlowEnd) : undefined
}

async function lastOf(runtime: Runtime, flow: string): Promise<JobRecord | undefined> {
  const [last] = await (await runtime.open()).get([flow])

  return last === 'gone' ? undefined : last
}
