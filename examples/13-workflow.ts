/** Work made of work: one step after the other, side by side, and a callback with all results. */
import { chain, chord, Errand, mapEach } from 'errand'

const errand = new Errand({ store: 'sqlite:errand.db' })

const pages = errand.task('site.pages', ({ site }: { site: string }) => [`${site}/a`, `${site}/b/c`])
const measure = errand.task('page.measure', (url: string) => url.length)
const total = errand.task('site.total', (lengths: number[]) => lengths.reduce((sum, length) => sum + length, 0))
const report = errand.task('site.report', (length: number) => `${length} characters`)

// How many pages there are turns out on the way: the handler starts a flow, and runs again when that has ended.
const crawl = errand.task('site.crawl', async (input: { site: string }, job) => {
  const urls = await job.run('pages', pages.with(input))

  return job.run('measure', chord(mapEach(measure, urls), total))
})

await errand.worker().start()

const known = await errand.enqueue(chord(mapEach(measure, ['/x', '/yz']), total))
console.log(await known.result({ timeout: '10s' }))

const found = await errand.enqueue(chain(crawl.with({ site: 'https://example.com' }), report))
console.log(await found.result({ timeout: '10s' }))

await errand.close()

// prints:
// 5
// 44 characters
