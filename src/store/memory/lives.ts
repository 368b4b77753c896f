/** Lives of workers: joining, leaving, leases, and what is left for them to be told. */
import type { ControlMessage, IncarnationId, NewWorker, WorkerRecord } from '../store.ts'
import type { Data, Incarnation } from './data.ts'
import { takeBack } from './settle.ts'

export function join(data: Data, worker: NewWorker): IncarnationId {
  const id = data.env.id()
  data.incarnations.set(id, {
    id,
    worker: { ...worker },
    startedAt: data.env.now(),
    deadline: data.env.monotonic() + worker.leaseMs,
    held: new Map(),
    cancels: [],
    messages: [],
    seen: new Map(),
  })
  return id
}

export function leave(data: Data, id: IncarnationId): void {
  const life = data.incarnations.get(id)
  if (!life) return

  // As in a rescue: the first to come back may lead the others.
  for (const entry of [...life.held.values()].toSorted((a, b) => a.seq - b.seq)) takeBack(data, entry, {})
  markGone(data, life)
}

/** From here on every turn of it is answered `gone`. Silence is final. */
export function markGone(data: Data, life: Incarnation): void {
  data.incarnations.delete(life.id)
  data.news.control(life.id)
}

export function renew(data: Data, life: Incarnation): void {
  life.deadline = data.env.monotonic() + life.worker.leaseMs
}

/**
 * A lease is written only after a third of it, however often its worker calls; and where a silence of the store has given
 * it more than its length, since its worker is heard again.
 */
export function isStale(data: Data, { deadline, worker }: Incarnation): boolean {
  const leftMs = deadline - data.env.monotonic()
  return leftMs <= (worker.leaseMs * 2) / 3 || leftMs > worker.leaseMs
}

export function send(data: Data, to: IncarnationId, message: ControlMessage): void {
  for (const life of data.incarnations.values()) {
    if (to !== 'all' && to !== life.id) continue
    life.messages = life.messages.filter((earlier) => earlier.message.kind !== message.kind)
    life.messages.push({ message, told: false })
    data.news.control(life.id)
  }
}

export function workers(data: Data): WorkerRecord[] {
  return [...data.incarnations.values()].map(({ id, worker, startedAt, deadline, held }) => ({
    ...worker,
    incarnation: id,
    startedAt,
    leaseLeftMs: Math.max(0, deadline - data.env.monotonic()),
    running: held.size,
  }))
}

/** Remembers what has come so far, so that `wait` can tell what comes after. */
export function noteArrivals(data: Data, life: Incarnation): void {
  for (const queue of data.queues.values()) life.seen.set(queue.name, queue.arrivals)
}

export function hasArrivals(data: Data, life: Incarnation, queues: readonly string[]): boolean {
  return queues.some((name) => {
    const queue = data.queues.get(name)
    return queue !== undefined && !queue.paused && queue.arrivals > (life.seen.get(name) ?? 0)
  })
}
