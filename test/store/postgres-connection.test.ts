import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import pg from 'pg'
import { openConnection } from '../../src/store/postgres/connection/connection.ts'
import { isFinalRefusal, whileConnecting } from '../../src/store/postgres/connection/failures.ts'
import type { StoreRefusedError } from '../../src/index.ts'
import { resolveOptions, type PostgresOptions } from '../../src/store/postgres/connection/options.ts'
import { saying, startProxy, type Proxy } from '../proxy.ts'
import { freePort } from '../servers.ts'
import { aConnection, aPostgres } from './postgres-servers.ts'

const server = await aPostgres()
const skip = !server && 'no PostgreSQL server'

/** A connection through a proxy, with time limits that a test can wait for. */
async function viaProxy(t: TestContext, options: PostgresOptions = {}) {
  const proxy: Proxy = await startProxy(server!.port)
  const url = `postgres://postgres@127.0.0.1:${proxy.port}/postgres`
  const connection = await aConnection(t, { url, connectTimeout: 500, waitForServer: 300, ...options })
  t.after(() => proxy.stop())

  return { proxy, connection }
}

test('options come from the URL or the object, and unknown ones are refused with the nearest name', () => {
  const from = (url: string, more: PostgresOptions = {}) => resolveOptions({ url, ...more })

  const read = from('postgres://me:secret@db:5433/app?schema=jobs&connections=3&sslmode=require&waitForServer=250')
  assert.deepEqual([read.schema, read.connections, read.waitForServerMs], ['jobs', 3, 250])
  assert.equal(read.from, 'postgres://me:secret@db:5433/app?sslmode=require')
  assert.equal(read.where, 'postgres://db:5433/app')
  assert.equal(from('postgresql://db/app?schema=a', { schema: 'b' }).schema, 'b')
  assert.throws(() => from('postgres://db/app?shema=a'), { code: 'UNKNOWN_OPTION', message: /"schema"/ })
  assert.throws(() => resolveOptions({ url: 'postgres://db/app', conections: 1 } as PostgresOptions), /"connections"/)
  assert.throws(() => from('postgres://db/app?schema=Jobs'), { code: 'INVALID_OPTION', message: /small letters/ })
  assert.throws(() => from('postgres://db/app?connections=0'), { code: 'INVALID_OPTION' })
  assert.throws(() => resolveOptions({}), { code: 'INVALID_OPTION', message: /or else `pool`/ })
  assert.throws(
    () => from('mysql://me:secret@db/app'),
    (error: Error) => !error.message.includes('secret'),
  )
})

test('a statement gives its rows, whatever types the application has given pg', { skip }, async (t) => {
  pg.types.setTypeParser(20, BigInt)
  t.after(() => pg.types.setTypeParser(20, String))
  const { connection } = await viaProxy(t)

  const [row] = await connection.query(
    `select 1 as int, 2::int8 as big, true as yes, '{"a":1}'::jsonb as json, array[1,2]::int8[] as many,
       array['a', null]::text[] as texts, null::jsonb as nothing, $1::text as given`,
    ['x'],
    { name: 'all kinds' },
  )

  const expected = { int: 1, big: '2', yes: true, json: { a: 1 }, many: ['1', '2'], texts: ['a', null] }
  assert.deepEqual(row, { ...expected, nothing: null, given: 'x' })
})

test('what a statement raises itself is passed on with its state, and has done nothing', { skip }, async (t) => {
  const { connection } = await viaProxy(t)

  await assert.rejects(connection.query(`do $$ begin raise 'no' using errcode = 'ER001'; end $$`), {
    name: 'Error',
    sqlState: 'ER001',
    message: 'no',
  })
})

test('what the server undid because of others is done again', { skip }, async (t) => {
  const { connection } = await viaProxy(t)
  await connection.query('create sequence tries')

  await connection.query(`do $$ begin
    if nextval('tries') < 3 then raise 'conflict' using errcode = '40001'; end if; end $$`)

  assert.deepEqual(await connection.query(`select last_value from tries`), [{ last_value: '3' }])
})

test('a lock that others keep is busy, and a statement that takes too long is broken off', { skip }, async (t) => {
  const { connection } = await viaProxy(t, { commandTimeout: 200 })

  await assert.rejects(connection.query('select pg_sleep(5)'), { code: 'STORE_BUSY', outcome: 'none' })
  await assert.rejects(connection.query(`do $$ begin raise 'locked' using errcode = '55P03'; end $$`), {
    code: 'STORE_BUSY',
    message: /locked/,
  })
  assert.deepEqual(await connection.query('select 1 as one'), [{ one: 1 }])
})

test('a missing object or right is refused, with what to do', { skip }, async (t) => {
  const { connection } = await viaProxy(t)

  await assert.rejects(connection.query('select * from nowhere.at_all'), { code: 'STORE_REFUSED' })
})

test('with the server away, a call fails in its time and says that nothing has happened', { skip }, async (t) => {
  const url = `postgres://postgres@127.0.0.1:${await freePort()}/postgres`
  const connection = await aConnection(t, { url, waitForServer: 200 })

  await assert.rejects(connection.query('select 1'), {
    code: 'STORE_AWAY',
    outcome: 'none',
    message: /127\.0\.0\.1:\d+\/postgres.*ECONNREFUSED.*`waitForServer`/,
  })
})

test('told to wait, a call waits until the server is back', { skip }, async (t) => {
  const { proxy, connection } = await viaProxy(t, { waitForServer: '30s' })
  proxy.refuse()

  const asked = connection.query('select 1 as one')
  setTimeout(() => proxy.pass(), 100)

  assert.deepEqual(await asked, [{ one: 1 }])
})

test('a wrong password or database is told at once, however long one would wait', { skip }, async (t) => {
  const url = server!.url.replace(/\/postgres$/, '/elsewhere')
  const connection = await aConnection(t, { url, waitForServer: '10m' })

  await assert.rejects(connection.query('select 1'), {
    code: 'STORE_REFUSED',
    message: /elsewhere.*Create the database/,
  })
})

test(
  'TLS that the server does not speak is told at once, and an unknown host or another server as what it may be',
  {
    skip,
  },
  async (t) => {
    const secure = await aConnection(t, { url: `${server!.url}?sslmode=verify-full`, waitForServer: '10m' })
    const nowhere = await aConnection(t, { url: 'postgres://nobody@no.such.host.invalid/shop', waitForServer: 100 })
    const { proxy, connection: deaf } = await viaProxy(t)
    proxy.blackHole()

    await assert.rejects(secure.query('select 1'), { code: 'STORE_REFUSED', message: /TLS was asked for.*sslmode/ })
    await assert.rejects(nowhere.query('select 1'), { code: 'STORE_AWAY', message: /no host of that name is known/ })
    await assert.rejects(deaf.query('select 1'), { code: 'STORE_AWAY', message: /see whether it is PostgreSQL/ })
  },
)

test('a password that is not escaped is told as what it may be', async (t) => {
  const connection = await aConnection(t, { url: 'postgres://me:p/w#1@127.0.0.1:1/shop', waitForServer: '10m' })

  await assert.rejects(connection.query('select 1'), { code: 'STORE_OPEN', message: /cannot be read: write \/ as %2F/ })
})

test('a password that is missing is told at once, and what to do', () => {
  const missing = new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string')

  assert.equal(isFinalRefusal(missing), true)
  const { code, message } = whileConnecting(missing, 'postgres://db/shop', 0) as StoreRefusedError
  assert.equal(code, 'STORE_REFUSED')
  assert.match(message, /none was given.*PGPASSWORD/)
})

test('a connection that ends before the answer leaves the outcome unknown, and names the jobs', { skip }, async (t) => {
  const { proxy, connection } = await viaProxy(t)
  await connection.query('create table cut (n int)')

  const before = proxy.cutBeforeRequest(saying('values (1)'))
  await assert.rejects(connection.query('insert into cut values (1)', [], { ids: ['a'] }), {
    code: 'UNKNOWN_OUTCOME',
    outcome: 'unknown',
    ids: ['a'],
  })
  await before
  const reply = proxy.cutBeforeReply(saying('values (2)'))
  await assert.rejects(connection.query('insert into cut values (2)'), { code: 'UNKNOWN_OUTCOME' })
  await reply

  assert.deepEqual(await connection.query('select n from cut'), [{ n: 2 }])
})

test('a server that is stopped amid a statement leaves its outcome unknown', { skip }, async (t) => {
  const { connection } = await viaProxy(t, { waitForServer: '10s' })
  const asleep = connection.query('select pg_sleep(30)')
  const rejected = assert.rejects(asleep, { code: 'UNKNOWN_OUTCOME' })
  const slept = async () => {
    const text = `select 1 from pg_stat_activity where query = 'select pg_sleep(30)'`
    while ((await connection.query(text)).length === 0);
  }
  await slept()

  await server!.restart()

  await rejected
  assert.deepEqual(await connection.query('select 1 as one'), [{ one: 1 }])
})

test('a connection that falls silent is given up, and the next call has another', { skip }, async (t) => {
  const { proxy, connection } = await viaProxy(t, { commandTimeout: 100, waitForServer: '10s' })
  await connection.query('select 1')
  proxy.blackHole()

  await assert.rejects(connection.query('select 1'), { code: 'UNKNOWN_OUTCOME' })
  proxy.pass()

  assert.deepEqual(await connection.query('select 1 as one'), [{ one: 1 }])
})

test('one that may have fallen silent is given up once, also where nothing takes its place', { skip }, async (t) => {
  const { proxy, connection } = await viaProxy(t)
  const ask = (text: string) => connection.query(text, [], { silenceMs: 200 })
  await Promise.all([ask('select pg_sleep(0.1)'), ask('select pg_sleep(0.1)')])

  proxy.blackHole()
  await assert.rejects(ask('select 1'), { code: 'UNKNOWN_OUTCOME' })
  await assert.rejects(ask('select 1'), { code: 'STORE_AWAY' })
  proxy.pass()

  assert.deepEqual(await connection.query('select 1 as one'), [{ one: 1 }])
})

test('new connections into silence fail in their time', { skip }, async (t) => {
  const { proxy, connection } = await viaProxy(t)
  proxy.blackHole()

  await assert.rejects(connection.query('select 1'), { code: 'STORE_AWAY' })
})

test('more calls than connections wait for one another, and are busy when that takes too long', { skip }, async (t) => {
  const { connection } = await viaProxy(t, { connections: 1, waitForServer: 100, connectTimeout: 300 })

  const both = await Promise.all([connection.query('select 1 as n'), connection.query('select 2 as n')])
  const long = connection.query('select pg_sleep(2)')
  await assert.rejects(connection.query('select 1'), { code: 'STORE_BUSY', message: /all connections are in use/ })
  await long

  assert.deepEqual(both, [[{ n: 1 }], [{ n: 2 }]])
})

test("a user's pool is used, lends one connection for listening, and outlives the store", { skip }, async (t) => {
  const pool = new pg.Pool({ connectionString: server!.url, max: 1 })
  t.after(() => pool.end())
  const connection = await aConnection(t, { pool })

  const told = heardOn(connection, 'pooled')
  await (
    await told
  ).ready
  await connection.query(`select pg_notify('pooled', 'hello')`)

  assert.equal(await (await told).first, 'hello')
  assert.equal(pool.totalCount, 1)
  await connection.close()
  assert.deepEqual((await pool.query('select 1 as one')).rows, [{ one: 1 }])
  await assert.rejects(connection.query('select 1'), { code: 'STORE_CLOSED' })
})

for (const [how, harm] of Object.entries({
  'is cut': (proxy: Proxy) => proxy.cut(),
  'falls silent': (proxy: Proxy) => {
    proxy.blackHole()
    // What was there stays silent; a new one passes.
    proxy.pass()
  },
})) {
  test(`when the listening connection ${how}, it listens again and says so`, { skip, timeout: 20_000 }, async (t) => {
    const { proxy, connection } = await viaProxy(t)
    const straight = await aConnection(t, { url: server!.url })
    const { first, ready } = await heardOn(connection, 'mended')
    await ready
    const mended = new Promise<void>((resolve) => connection.onReconnect(resolve))

    harm(proxy)
    await mended
    await straight.query(`select pg_notify('mended', 'again')`)

    assert.equal(await first, 'again')
  })
}

test(
  'listening to a server that is away fails in its time, and may be tried again when it is back',
  { skip },
  async (t) => {
    const { proxy, connection } = await viaProxy(t)
    const straight = await aConnection(t, { url: server!.url })
    proxy.refuse()

    const heard: string[] = []
    const listen = () => connection.listen('late', (payload) => heard.push(payload))
    await assert.rejects(listen(), { code: 'STORE_AWAY' })
    proxy.pass()
    await listen()
    await straight.query(`select pg_notify('late', 'now')`)
    while (heard.length === 0) await straight.query('select 1')

    assert.deepEqual(heard, ['now'])
  },
)

test('a server that ends connections while they are being closed harms nobody', { skip }, async (t) => {
  const connection = await openConnection({ url: `${server!.url}?application_name=closing` })
  const others = await aConnection(t, { url: server!.url })
  await Promise.all([1, 2, 3].map(() => connection.query('select pg_sleep(0.05)')))

  await others.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'closing'`)
  await connection.close()

  await assert.rejects(connection.query('select 1'), { code: 'STORE_CLOSED' })
})

test('behind a pooler nothing is prepared and nothing is heard, unless a URL leads past it', { skip }, async (t) => {
  const { connection } = await viaProxy(t, { pooler: true, connections: 1 })
  const past = await aConnection(t, { url: server!.url, pooler: true, listenUrl: server!.url })

  await connection.query('select 1', ['x'].slice(1), { name: 'never prepared' })
  const prepared = await connection.query('select name from pg_prepared_statements')
  const { first, ready } = await heardOn(past, 'past')
  await ready
  await connection.query(`select pg_notify('past', 'heard')`)

  assert.deepEqual(prepared, [])
  assert.deepEqual([connection.listens, past.listens], [false, true])
  assert.equal(await first, 'heard')
})

test('an idle store keeps no process alive, and a call does', { skip }, async () => {
  const module = new URL('../../src/store/postgres/connection/connection.ts', import.meta.url).href
  const program = `import { openConnection } from '${module}'
    const connection = await openConnection({ url: '${server!.url}' })
    await connection.listen('idle', () => {})
    console.log((await connection.query('select pg_sleep(0.2), 1 as one'))[0].one)`
  const child = spawn(process.execPath, ['--conditions=errand-source', '--input-type=module', '-e', program])

  const output = child.stdout.setEncoding('utf8').toArray()
  const [code] = (await once(child, 'exit')) as [number]

  assert.deepEqual([code, (await output).join('')], [0, '1\n'])
})

test('without the package pg, a PostgreSQL store says what to install, and others do not miss it', async () => {
  const hook = `import { registerHooks } from 'node:module'
    registerHooks({
      resolve(name, context, next) {
        if (name === 'pg') throw Object.assign(new Error('no pg'), { code: 'ERR_MODULE_NOT_FOUND' })
        return next(name, context)
      },
    })`
  const program = `import { Errand } from '${new URL('../../src/index.ts', import.meta.url).href}'
    await new Errand({ store: 'memory:' }).open()
    await new Errand({ store: 'postgres://nowhere/at-all' }).open().catch(({ code, message }) => console.log(code, message))`
  const imported = `data:text/javascript,${encodeURIComponent(hook)}`
  const args = ['--conditions=errand-source', '--import', imported, '--input-type=module', '-e', program]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })

  const output = (await child.stdout.setEncoding('utf8').toArray()).join('')

  assert.match(output, /^STORE_OPEN .*"pg", which is not installed.*npm install pg/)
})

async function heardOn(connection: Awaited<ReturnType<typeof aConnection>>, channel: string) {
  let ready!: Promise<void>
  const first = new Promise<string>((resolve) => (ready = connection.listen(channel, resolve)))

  return { first, ready }
}
