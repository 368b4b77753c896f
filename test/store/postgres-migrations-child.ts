/** A process that migrates one schema; told to, it falls asleep within the migration, after the last file. */
import { openConnection } from '../../src/store/postgres/connection/connection.ts'
import { migrationsIn } from '../../src/store/migrations.ts'
import { migrate, migrationsFolder } from '../../src/store/postgres/migrate.ts'

const [url, schema, sleeping] = process.argv.slice(2)
const ours = migrationsIn(migrationsFolder)
const version = ours.at(-1)!.version + 1
const pause = { version, file: 'pause', sql: 'select pg_sleep(60)', oldest: version }

const connection = await openConnection({ url: url! })
if (sleeping) console.log('about to sleep')
await migrate(connection, schema!, sleeping ? [...ours, pause] : ours)
await connection.close()
