/** Queues that nobody serves: the most common reason why "nothing happens". */
import type { QueueInfo } from '../client/queue.ts'
import type { WorkerInfo } from '../client/worker-info.ts'

export interface Unserved {
  readonly queue: string
  /** Jobs that wait there: ready, or due later. */
  readonly waiting: number
  /** Tasks of this app whose jobs go there. */
  readonly tasks: readonly string[]
}

/** One whose lease is over is still there until somebody looks after the store; nobody knows better than its silence. */
export const isAlive = ({ leaseLeftMs }: Pick<WorkerInfo, 'leaseLeftMs'>): boolean => leaseLeftMs > 0

export function unservedQueues(
  queues: readonly QueueInfo[],
  workers: readonly Pick<WorkerInfo, 'queues'>[],
  tasks: readonly { readonly name: string; readonly queue: string }[],
): Unserved[] {
  const served = new Set(workers.flatMap((worker) => worker.queues))
  const names = new Set([...queues.map(({ name }) => name), ...tasks.map(({ queue }) => queue)])

  return [...names]
    .filter((queue) => !served.has(queue))
    .map((queue) => ({
      queue,
      waiting: waitingIn(queues.find(({ name }) => name === queue)),
      tasks: tasks.filter((task) => task.queue === queue).map(({ name }) => name),
    }))
    .filter(({ waiting, tasks: going }) => waiting > 0 || going.length > 0)
}

const waitingIn = (info: QueueInfo | undefined) => (info ? info.states.ready + info.states.scheduled : 0)

export function unservedSentence({ queue, waiting, tasks }: Unserved): string {
  const jobs = waiting > 0 ? `${count(waiting, 'job')} ${waiting === 1 ? 'waits' : 'wait'} there` : undefined
  const from =
    tasks.length > 0 ? `jobs of ${tasks.slice(0, 3).join(', ')}${tasks.length > 3 ? ', …' : ''} go there` : undefined

  return `No worker serves queue "${queue}": ${[jobs, from].filter(Boolean).join(', and ')}. Start one: errand worker -Q ${queue}`
}

/** `1 job`, `2 jobs`. */
export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`
