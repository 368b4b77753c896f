import { test } from 'node:test'
import { conformance } from '../../src/testing/conformance/conformance.ts'
import { findPostgres } from '../servers.ts'
import { postgresStores } from './postgres-stores.ts'

const program = await findPostgres()

if (program) conformance(await postgresStores(program))
else test('the postgres store does what every store must do', { skip: 'no PostgreSQL server' }, () => {})
