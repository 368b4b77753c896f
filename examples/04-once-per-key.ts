/** One job per key at a time, and a debounce made of the same piece. */
import { Errand } from 'errand'

const errand = new Errand({ store: 'sqlite:errand.db' })

const reindex = errand.task('search.reindex', ({ product }: { product: string }) => `indexed ${product}`)

const first = await reindex.enqueue({ product: 'p1' }, { unique: 'p1' })
const second = await reindex.enqueue({ product: 'p1' }, { unique: 'p1' })
console.log(second.deduplicated, second.id === first.id)

const save = errand.task('draft.save', ({ text }: { text: string }) => text)
const debounced = { unique: { key: 'draft', onConflict: 'replace' }, delay: 30 } as const
const early = await save.enqueue({ text: 'a' }, debounced)
const late = await save.enqueue({ text: 'ab' }, debounced)
console.log(await early.state())

await errand.worker().start()
console.log(await late.result({ timeout: '10s' }))
await errand.close()

// prints:
// true true
// cancelled
// ab
