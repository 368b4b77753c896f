import assert from 'node:assert/strict'
import { test } from 'node:test'
import { follow } from '../../src/cli/job-follower.ts'
import { Errand } from '../../src/errand.ts'
import type { JobContext } from '../../src/task/context.ts'

/** A job that runs and does what the test does with its context. */
async function runningJob() {
  const errand = new Errand({ store: 'memory:' })
  const begun = Promise.withResolvers<JobContext>()
  const end = Promise.withResolvers<void>()
  const task = errand.task('talk', async (_: string, job) => {
    begun.resolve(job)
    await end.promise
  })
  const worker = errand.worker()
  await worker.start()
  const handle = await task.enqueue('')

  return { errand, handle, context: await begun.promise, end: end.resolve }
}

test('a line that is in the log and is told as an event too is printed once', async () => {
  const { errand, handle, context, end } = await runningJob()
  const printed: string[] = []
  // The moment between the snapshot and the reading of the log: a line written then comes both ways.
  const atThatMoment = Object.create(handle, {
    log: {
      value: async () => {
        context.log.info('between')
        for (;;) {
          const log = await handle.log()
          if (log.length > 1) return log
          await new Promise((resolve) => setImmediate(resolve))
        }
      },
    },
    updates: { value: handle.updates.bind(handle) },
  })
  context.log.info('before')

  const followed = follow(
    atThatMoment,
    {
      line: ({ message }) => {
        printed.push(message)
        if (message === 'between') context.log.info('after')
        if (message === 'after') end()
      },
    },
    { signal: new AbortController().signal },
  )
  await followed
  await errand.close()

  assert.deepEqual(printed, ['before', 'between', 'after'])
})

test('two equal lines are two lines', async () => {
  const { errand, handle, context, end } = await runningJob()
  const printed: string[] = []

  const followed = follow(
    handle,
    {
      line: ({ message }) => {
        if (printed.push(message) === 2) end()
      },
    },
    { signal: new AbortController().signal },
  )
  context.log.info('again')
  context.log.info('again')
  await followed
  await errand.close()

  assert.deepEqual(printed, ['again', 'again'])
})
