/** A worker that commits its job's end with its effect and is killed before it can say anything else. */
import pg from 'pg'
import { Errand, postgresStore } from '../../src/index.ts'

const [url, schema] = process.argv.slice(2)
const errand = new Errand({ store: postgresStore({ url: url!, schema: schema! }) })
const tx = new pg.Client({ connectionString: url! })
await tx.connect()

errand.task('charge', async (_: void, job) => {
  await tx.query(`begin; insert into ${schema}.effect values (1)`)
  await job.succeed('once', { tx })
  await tx.query('commit')
  process.kill(process.pid, 'SIGKILL')
})
await errand.worker().start()
