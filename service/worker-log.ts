/** Lines of log for what happens to jobs. Never their inputs: those hold what people wrote to one another. */
import type { Errand } from 'errand'
import { pino, type Logger } from 'pino'

/**
 * Through the process's own stream. pino's buffered ones write what is left when the process ends, and wait for ever
 * where nobody reads it any more: a worker whose service was killed would stay.
 */
export function workerLog(level: string): Logger {
  return pino({ level, base: null }, process.stdout)
}

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
  errand.on('store away', ({ error, during }) => log.error({ ...plain(error), during }, 'the store does not answer'))
  errand.on('store back', ({ awayMs }) => log.info({ awayMs }, 'the store answers again'))
  errand.on('store finding', ({ subject, verdict, detail }) => {
    log.warn({ subject, verdict, detail }, 'the store is not as it should be')
  })
  errand.on('error', ({ error, during }) => log.error({ err: error, during }, 'trouble'))
}
