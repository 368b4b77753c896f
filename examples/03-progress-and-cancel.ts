/** Watching a job from anywhere, and stopping it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Errand } from 'errand'

const errand = new Errand({ store: 'sqlite:errand.db' })

const copy = errand.task('files.copy', async ({ files }: { files: number }, job) => {
  for (let done = 1; done <= files; done++) {
    await sleep(100, undefined, { signal: job.signal })
    await job.progress(done, { of: files })
  }
  job.log('all copied', { files })
})

await errand.worker().start()

const short = await copy.enqueue({ files: 3 })
for await (const update of short.updates()) {
  if (update.kind === 'log') console.log(update.line?.message, update.line?.data)
}
console.log(await short.state())

const endless = await copy.enqueue({ files: 1_000_000 })
for await (const update of endless.updates()) {
  if (update.kind === 'progress') break
}
console.log(await endless.cancel())
console.log(await endless.result().catch((error: { code: string }) => error.code))
await errand.close()

// prints:
// all copied { files: 3 }
// succeeded
// cancelling
// JOB_CANCELLED
