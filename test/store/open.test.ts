import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemEnv } from '../../src/env.ts'
import { readSqliteUrl } from '../../src/store/sqlite/place.ts'
import { oldestNode, openStore, placeOf, postgresStore, redisStore, refusalOfNode } from '../../src/store/open.ts'

test('the oldest Node is the one that package.json asks for', () => {
  const { engines } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8'))

  assert.equal(engines.node, `>=${oldestNode}`)
})

test('an older Node is refused in one sentence that names both', () => {
  for (const version of ['20.19.5', '22.15.0', '24.14.9']) {
    const refusal = refusalOfNode(version) ?? ''

    assert.ok(refusal.startsWith(`Errand needs Node ${oldestNode} or newer, this is ${version} (`), refusal)
  }
})

test('this Node and newer ones are not', () => {
  assert.deepEqual(['24.15.0', '24.99.1', '25.0.0', '26.10.0', '100.0.0'].map(refusalOfNode), Array(5).fill(undefined))
})

test('a place is shown without the password in it', () => {
  assert.equal(placeOf('redis://me:secret@host/1'), 'redis://…@host/1')
  assert.equal(
    placeOf('redis://a,b/?sentinel=main&sentinelPassword=secret'),
    'redis://a,b/?sentinel=main&sentinelPassword=…',
  )
  assert.equal(redisStore({ url: 'rediss://:secret@host?wait=1' }).place, 'rediss://host:6379')
  assert.equal(
    postgresStore({ url: 'postgres://me:secret@db:5433/app?schema=jobs' }).place,
    'postgres://db:5433/app?schema=jobs',
  )
})

test('a SQLite URL takes options behind its path, and refuses what it does not know', () => {
  assert.deepEqual(readSqliteUrl('sqlite:data/errand.db'), { path: 'data/errand.db' })
  assert.deepEqual(readSqliteUrl('sqlite:/a/b.db?synchronous=normal&allowNetworkFileSystem=true'), {
    path: '/a/b.db',
    synchronous: 'normal',
    allowNetworkFileSystem: true,
  })
  assert.throws(() => readSqliteUrl('sqlite:a.db?synchronos=normal'), /Did you mean "synchronous"/)
  assert.throws(() => readSqliteUrl('sqlite:a.db?synchronous=off'), { code: 'INVALID_OPTION' })
  assert.throws(() => readSqliteUrl('sqlite://a.db'), { code: 'STORE_OPEN', message: /names no file/ })
  assert.throws(() => readSqliteUrl('sqlite:'), { code: 'STORE_OPEN' })
})

test('a URL that names no store is refused, and so are options that no store has', async () => {
  await assert.rejects(
    openStore('mysql://host', systemEnv()),
    /names no store.*"redis:\/\/" followed by a host, or "postgres:\/\/"/,
  )
  assert.throws(() => redisStore({ url: 'redis://host', prefx: 'shop' } as object), /Did you mean "prefix"/)
  assert.throws(() => postgresStore({ url: 'postgres://host/db', shema: 'shop' } as object), /Did you mean "schema"/)
})
