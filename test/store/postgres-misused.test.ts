import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { test } from 'node:test'
import pg from 'pg'
import { openConnection } from '../../src/store/postgres/connection/connection.ts'
import { aConnection } from './postgres-servers.ts'

test('a pool that has been ended is named at once, and not taken for a server that is away', async (t) => {
  const pool = new pg.Pool({ connectionString: 'postgres://postgres@127.0.0.1:1/postgres' })
  await pool.end()
  const connection = await aConnection(t, { pool, waitForServer: '1h' })

  await assert.rejects(connection.query('select 1'), { code: 'STORE_OPEN', message: /after calling end on the pool/ })
})

test('a package "pg" that fails is named as what it is', async (t) => {
  const source = 'throw new Error("no such CPU")'
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'pg' ? { url: `data:text/javascript,${source}`, shortCircuit: true } : next(specifier, context),
  })
  t.after(() => hooks.deregister())

  await assert.rejects(openConnection({ url: 'postgres://127.0.0.1:1/postgres' }), {
    code: 'STORE_OPEN',
    message: /"pg", which cannot be loaded \(no such CPU\)/,
  })
})
