/** The program of every child: takes one assignment, answers with one number, and ends. */
import { once } from 'node:events'
import { type Assignment, type Message, type Parent, type Stage, type StageName } from './assignment.ts'

const stages: Record<StageName, () => Promise<Stage>> = {
  fill: async () => (await import('./stages/fill.ts')).fill,
  drain: async () => (await import('./stages/drain.ts')).drain,
  'drain-by': async () => (await import('./stages/drain-by.ts')).drainBy,
  crew: async () => (await import('./stages/drain-by.ts')).crew,
  'enqueue-many': async () => (await import('./stages/enqueue.ts')).enqueueMany,
  'enqueue-single': async () => (await import('./stages/enqueue.ts')).enqueueSingle,
  together: async () => (await import('./stages/together.ts')).together,
  consume: async () => (await import('./stages/together.ts')).consume,
  produce: async () => (await import('./stages/together.ts')).produce,
  latency: async () => (await import('./stages/latency.ts')).latency,
  'latency-p99': async () => (await import('./stages/latency.ts')).latencyP99,
  'latency-across': async () => (await import('./stages/latency.ts')).latencyAcross,
  'latency-across-p99': async () => (await import('./stages/latency.ts')).latencyAcrossP99,
  trickle: async () => (await import('./stages/latency.ts')).trickle,
  idle: async () => (await import('./stages/idle.ts')).idle,
  hold: async () => (await import('./stages/hold.ts')).hold,
  claims: async () => (await import('./stages/backlog.ts')).claims,
  pinned: async () => (await import('./stages/backlog.ts')).pinned,
  memory: async () => (await import('./stages/backlog.ts')).memory,
  'server-enqueue': async () => (await import('./stages/redis-server.ts')).serverEnqueue,
  'server-run': async () => (await import('./stages/redis-server.ts')).serverRun,
  'server-bytes': async () => (await import('./stages/redis-server.ts')).serverBytes,
  'send-flows': async () => (await import('./stages/flows.ts')).sendFlows,
  'run-flows': async () => (await import('./stages/flows.ts')).runFlows,
  'hold-flows': async () => (await import('./stages/flows-hold.ts')).holdFlows,
  'server-hold-flows': async () => (await import('./stages/flows-hold.ts')).serverHoldFlows,
  'grow-flows': async () => (await import('./stages/flows-hold.ts')).growFlows,
  'hold-schedules': async () => (await import('./stages/schedules.ts')).holdSchedules,
  'tick-cost': async () => (await import('./stages/schedules.ts')).tickCost,
  'tick-lateness': async () => (await import('./stages/schedules.ts')).tickLateness,
  'tick-growth': async () => (await import('./stages/schedules.ts')).tickGrowth,
  'fill-keys': async () => (await import('./stages/keys.ts')).fillKeys,
  'drain-keys': async () => (await import('./stages/keys.ts')).drainKeys,
  'tenant-wait': async () => (await import('./stages/tenant.ts')).tenantWait,
}

const parent: Parent = {
  note: (value) => send({ note: value }),
  word: async () => void (await once(process, 'message')),
}

function send(message: Message): void {
  process.send?.(message)
}

async function main(): Promise<void> {
  const [assignment] = (await once(process, 'message')) as [Assignment]
  const stage = await stages[assignment.stage]()

  send({ answer: await stage(assignment, parent) })
}

// Without a parent nobody would stop a worker.
process.on('disconnect', () => process.exit(1))

main()
  .catch((error: Error) => send({ failure: error.stack ?? String(error) }))
  // An engine that keeps something open must not keep the run waiting. The message goes out first.
  .finally(() => setTimeout(() => process.exit(0), 10))
