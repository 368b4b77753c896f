/** Enqueued one by one, handled many at a time: each with a result, a retry and an end of its own. */
import { Errand } from 'errand'
import { z } from 'zod'

const errand = new Errand({ store: 'sqlite:errand.db' })

const index = errand.batchTask(
  'search.index',
  {
    input: z.object({ page: z.string(), site: z.string() }),
    size: 100,
    wait: '50ms',
    by: ({ site }) => site,
    retry: { first: 20 },
  },
  async (items, { signal }) => {
    console.log(`${items.length} of ${items[0]!.input.site}`)
    signal.throwIfAborted()

    return items.map(({ input, job }) =>
      input.page === 'broken' && job.attempt === 1 ? { error: new Error('try again') } : { ok: input.page.length },
    )
  },
)

const jobs = await index.enqueueMany(['home', 'about', 'broken'].map((page) => ({ page, site: 'a.example' })))
await errand.worker().start()

console.log(await Promise.all(jobs.map((job) => job.result({ timeout: '10s' }))))
await errand.close()

// prints:
// 3 of a.example
// 1 of a.example
// [ 4, 5, 6 ]
