/** What is due before a worker looks again, which is about once a second: here that look is so late that only being told helps. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { JobExpiredError, systemEnv, type Env, type Errand, type Task } from '../../src/index.ts'
import { onEach } from './each-engine.ts'

/** Whatever is to come in half a second or later comes a minute later than that. */
function seldomLooking(): Env {
  const env = systemEnv()
  return { ...env, after: (ms, callback, options) => env.after(ms < 500 ? ms : ms + 60_000, callback, options) }
}

/** Time itself is what is shown here: by then the worker sleeps. */
const asleepMs = 300

/** With a task that it has run once. */
async function sleepingWorker(errand: Errand): Promise<Task<void, string>> {
  const task = errand.task('task', () => 'ran')
  await errand.worker({ beat: false }).start()
  const job = await task.enqueue()
  await job.result()
  await sleep(asleepMs)

  return task
}

onEach('a sleeping worker is told of what is due soon', async (open) => {
  const task = await sleepingWorker(open({ env: seldomLooking() }))

  const job = await task.enqueue(undefined, { delay: 100 })

  assert.equal(await job.result(), 'ran')
})

onEach('a sleeping worker is told of what another process has made due soon', async (open) => {
  await sleepingWorker(open({ env: seldomLooking() }))
  const task = open().task('task', () => 'ran')

  const job = await task.enqueue(undefined, { delay: '1h' })
  await job.change({ delay: 100 })

  assert.equal(await job.result(), 'ran')
})

onEach('a sleeping worker is told of what expires soon', async (open) => {
  const task = await sleepingWorker(open({ env: seldomLooking() }))

  const job = await task.enqueue(undefined, { delay: '1h', expires: 100 })

  await assert.rejects(job.result(), JobExpiredError)
})
