import { findPostgres } from '../servers.ts'
import { postgresStores } from '../store/postgres-stores.ts'
import { sqliteHome } from './sqlite-home.ts'
import { asked, askedOnDisk, carriedWhole } from './whole.ts'

const program = await findPostgres()

if (program !== undefined) {
  const engine = await postgresStores(program)
  carriedWhole(engine, asked)
  const again = { ...engine, cleanup: async () => {} }
  carriedWhole(again, { ...askedOnDisk, home: sqliteHome({ synchronous: 'normal' }) })
}
