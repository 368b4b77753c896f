/** Lines of log for what happens to jobs. Never their inputs: those hold what people wrote to one another. */
import type { Errand } from 'errand'
import type { Logger } from 'pino'

/** Errors by name and code alone: their texts may repeat what they were about. */
const plain = (error: unknown) => {
  const { name, code } = error as { name?: string; code?: string }
  return { error: name ?? 'Error', code }
}

export function logEvents(errand: Errand, log: Logger): void {
  errand.on('succeeded', ({ id, task, attempt, ranMs }) => log.info({ job: id, task, attempt, ranMs }, 'succeeded'))
  errand.on('retrying', ({ id, task, attempt, delayMs, error }) => {
    log.warn({ job: id, task, attempt, delayMs, ...plain(error) }, 'failed, will be tried again')
  })
  errand.on('failed', ({ id, task, attempt, error }) =>
    log.error({ job: id, task, attempt, ...plain(error) }, 'failed'),
  )
  errand.on('cancelled', ({ id, task }) => log.info({ job: id, task }, 'cancelled'))
  errand.on('rescued', ({ jobs }) => log.warn({ jobs }, 'took over the jobs of a lost worker'))
  errand.on('worker gone', ({ worker, running }) =>
    log.error({ worker, running }, 'was silent for too long and begins anew'),
  )
  errand.on('error', ({ error, during }) => log.error({ err: error, during }, 'trouble'))
}
