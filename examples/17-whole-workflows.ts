/** A workflow that is there once at a time, and one that exists exactly if your own transaction is committed. */
import { DatabaseSync } from 'node:sqlite'
import { chain, chord, Errand, mapEach } from 'errand'

const errand = new Errand({ store: 'sqlite:shop.db' })
await errand.open()

const count = errand.task('shop.count', (shelf: string) => shelf.length)
const total = errand.task('shop.total', (counts: number[]) => counts.reduce((sum, n) => sum + n, 0))
const pack = errand.task('order.pack', ({ item }: { item: string }) => `a box with ${item}`)
const ship = errand.task('order.ship', (box: string) => `${box}, sent`)

const report = chord(mapEach(count, ['books', 'toys']), total)
const first = await errand.enqueue(report, { unique: 'stock' })
const again = await errand.enqueue(report, { unique: 'stock' })
console.log(again.deduplicated, again.id === first.id)

const db = new DatabaseSync('shop.db', { timeout: 5_000 })
db.exec('create table if not exists sold (item text) strict')
db.exec('begin immediate')
db.prepare('insert into sold values (?)').run('a kite')
const order = await errand.enqueue(chain(pack.with({ item: 'a kite' }), ship), { tx: db })
db.exec('commit')

await errand.worker().start()
console.log(await again.result({ timeout: '10s' }))
console.log(await order.result({ timeout: '10s' }))
await errand.close()
db.close()

// prints:
// true true
// 9
// a box with a kite, sent
