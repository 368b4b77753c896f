/** A worker that commits its job's end with its effect and is killed before it can say anything else. */
import { DatabaseSync } from 'node:sqlite'
import { Errand } from '../../src/index.ts'

const file = process.argv[2]!
const errand = new Errand({ store: `sqlite:${file}` })
const db = new DatabaseSync(file, { timeout: 5_000 })

errand.task('charge', async (_: void, job) => {
  db.exec('begin immediate; insert into effect values (1)')
  await job.succeed('once', { tx: db })
  db.exec('commit')
  process.kill(process.pid, 'SIGKILL')
})
await errand.worker().start()
