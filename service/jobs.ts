/**
 * The service's errand app and its tasks, declared for both processes: the API enqueues them, the worker gives them
 * their handlers. Which of them people may ask for is decided by the routes, never by name.
 */
import { Errand } from 'errand'
import { declareDataTasks } from './data/tasks.ts'
import { declareEmailTasks } from './email/tasks.ts'

export type Jobs = ReturnType<typeof openJobs>

/** Slots of the worker, by queue. Data jobs keep a core busy, so few run at once; e-mails mostly wait. */
export const workerSlots = { email: 8, processing: 2, default: 4 } as const

export function openJobs(storeUrl: string) {
  const errand = new Errand({ store: storeUrl, routes: { 'email.*': 'email', 'data.*': 'processing' } })

  return {
    errand,
    ...declareEmailTasks(errand),
    ...declareDataTasks(errand),
  }
}
