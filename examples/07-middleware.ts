/** Something every job needs, opened once around its run and typed in its context. */
import { Errand, currentJob } from 'errand'

const errand = new Errand({ store: 'memory:' }).use<{ tenant: string }>({
  async enqueue(jobs, next) {
    for (const job of jobs) job.metadata['tenant'] ??= 'acme'
    await next()
  },
  run: (job, next) => next({ tenant: String(job.metadata['tenant']) }),
})

const report = errand.task('report', (_input: void, job) => describe(job.tenant))

/** Anywhere below a handler, the current job is at hand. */
function describe(tenant: string): string {
  return `${currentJob().task} for ${tenant}`
}

await errand.worker().start()
console.log(await (await report.enqueue()).result({ timeout: '10s' }))
await errand.close()

// prints:
// report for acme
