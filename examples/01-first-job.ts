/** A task, a job, a worker: one SQLite file, and nothing to install. */
import { Errand } from 'errand'

const errand = new Errand({ store: 'sqlite:errand.db' })

const greet = errand.task('greet', async ({ name }: { name: string }) => `Hello, ${name}!`)

const job = await greet.enqueue({ name: 'Ada' })
await errand.worker().start()

console.log(await job.result({ timeout: '10s' }))
await errand.close()

// prints:
// Hello, Ada!
