import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { registerHooks } from 'node:module'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { Redis } from 'ioredis'
import pg from 'pg'
import { StoreOpenError } from '../../src/errors.ts'
import { openConnection } from '../../src/store/redis/connection/open-connection.ts'
import { resolveOptions } from '../../src/store/redis/connection/options.ts'
import { placeName, readUrl } from '../../src/store/redis/connection/place.ts'
import { refusalOf } from '../../src/store/redis/connection/refusals.ts'
import { readFacts } from '../../src/store/redis/connection/server.ts'
import { durabilityOf, inspections, refuseUnsafe } from '../../src/store/redis/connection/verdicts.ts'
import { command, until } from '../redis-servers.ts'
import { findProgram, findRedis, freePort, startRedis } from '../servers.ts'
import { killAll, untilAnswered } from './redis-scripts.ts'

const redis = await findRedis()
const openssl = await findProgram({
  what: 'OpenSSL',
  variable: 'OPENSSL',
  names: ['openssl'],
  debianPackage: 'openssl',
})
const tls = { skip: !openssl && 'no OpenSSL to make a certificate' }

describe('the URL of a Redis store', () => {
  const placeOf = (url: string) => readUrl(url, ['prefix']).place

  test('names one server, its user, password and database', () => {
    assert.deepEqual(placeOf('redis://me:p%40ss@db.example:6380/2'), {
      kind: 'server',
      hosts: [{ host: 'db.example', port: 6380 }],
      tls: false,
      username: 'me',
      password: 'p@ss',
      db: 2,
    })
    assert.deepEqual(placeOf('rediss://:50%@[::1]').password, '50%')
    assert.deepEqual(placeOf('rediss://[::1]').hosts, [{ host: '::1', port: 6379 }])
  })

  test('names Sentinels and what they watch, or nodes of a Cluster', () => {
    const sentinels = placeOf('redis://a,b:26380/1?sentinel=main&sentinelPassword=x')
    const cluster = placeOf('rediss://a:7000,b:7001/?cluster')

    assert.deepEqual([sentinels.kind, sentinels.sentinelName, sentinels.sentinelPassword], ['sentinel', 'main', 'x'])
    assert.deepEqual(
      sentinels.hosts.map(({ port }) => port),
      [26_379, 26_380],
    )
    assert.deepEqual([cluster.kind, cluster.tls, cluster.hosts.length], ['cluster', true, 2])
  })

  test('is shown to people without user and password', () => {
    const urls = ['redis://me:secret@h:1/2', 'rediss://:secret@a,b/?sentinel=main', 'redis://a:7000,b:7001/?cluster']

    assert.deepEqual(
      urls.map((url) => placeName(placeOf(url))),
      ['redis://h:1/2', 'rediss://a:26379,b:26379/?sentinel=main', 'redis://a:7000,b:7001/?cluster'],
    )
  })

  test('that makes no sense is refused with what would, and without the password', () => {
    const refused = (url: string, expected: RegExp) => {
      assert.throws(
        () => placeOf(url),
        (error: Error) => expected.test(error.message) && !error.message.includes('secret'),
      )
    }

    refused('redis:nonsense', /no URL of a Redis store/)
    refused('redis://:secret@a,b', /names 2 hosts. Add "\?sentinel="/)
    refused('redis://a:99999', /no usable host and port/)
    refused('redis://:secret@a/one', /names the database "one"/)
    refused('redis://a/1?cluster', /A Cluster has only database 0/)
    refused('redis://a?prefx=x', /Unknown option "prefx".*Did you mean "prefix"/)
    refused('redis://a?sentinel=&sentinelPassword=secret', /does not say which store is meant/)
  })
})

describe('the options of a Redis store', () => {
  test('come from the URL, and those given beside it go first', () => {
    const resolved = resolveOptions({
      url: 'redis://a?prefix=shop&wait=2&connectTimeout=250&commandTimeout=1s&force',
      wait: 1,
    })

    assert.deepEqual(
      { ...resolved, from: undefined },
      {
        from: undefined,
        prefix: 'shop',
        connections: 2,
        connectMs: 250,
        answerMs: 1000,
        waitForServerMs: 5000,
        replicas: 1,
        force: true,
      },
    )
  })

  test('are refused when they are unknown or make no sense', () => {
    const url = 'redis://a'

    assert.throws(() => resolveOptions({ url, comandTimeout: 5 } as object), /Did you mean "commandTimeout"/)
    assert.throws(() => resolveOptions({}), /`url` of a Redis store to be given/)
    assert.throws(() => resolveOptions({ url, client: {} as never }), /not both/)
    assert.throws(() => resolveOptions({ client: {} as never }), /a client of ioredis/)
    assert.throws(() => resolveOptions({ url, prefix: '{x}' }), /`prefix`/)
    assert.throws(() => resolveOptions({ url, wait: -1 }), /`wait`/)
    assert.throws(() => resolveOptions({ url, connections: 0 }), /`connections` to be a whole number of at least 1/)
    assert.throws(() => resolveOptions({ url, connectTimeout: 'soon' }), /`connectTimeout`/)
    assert.throws(() => resolveOptions({ url: `${url}?force=perhaps` }), /`force`/)
  })
})

describe('what a Redis server says of itself', () => {
  const facts = (info: string, config = {}) =>
    readFacts(`redis_version:7.2.4\r\n${info.replaceAll(' ', '\r\n')}`, config)

  test('makes the durability that is declared', () => {
    const always = { appendfsync: 'always' }

    assert.equal(durabilityOf(facts(''), 0), 'process')
    assert.equal(durabilityOf(facts('', { save: '3600 1' }), 0), 'process')
    assert.equal(durabilityOf(facts('aof_enabled:1', { appendfsync: 'everysec' }), 0), 'second')
    assert.equal(durabilityOf(facts('aof_enabled:1'), 0), 'second')
    assert.equal(durabilityOf(facts('aof_enabled:1', { appendfsync: 'no' }), 0), 'process')
    assert.equal(durabilityOf(facts('aof_enabled:1', always), 0), 'power')
    assert.equal(durabilityOf(facts('aof_enabled:1', { ...always, 'no-appendfsync-on-rewrite': 'yes' }), 0), 'process')
    assert.equal(durabilityOf(facts(''), 1), 'replicated')
  })

  test('has a server refused that is too old, or that deletes jobs', () => {
    const refuse = (info: string, force = false) => refuseUnsafe('redis://a:6379', readFacts(info, {}), force)

    assert.throws(() => refuse('redis_version:6.0.16'), /is Redis 6\.0\.16, and Errand needs 6\.2\.0 or newer/)
    assert.throws(
      () => refuse('redis_version:7.0.0\nmaxmemory_policy:allkeys-lru'),
      /deletes keys, and with them all jobs/,
    )
    refuse('redis_version:7.0.0\nmaxmemory_policy:allkeys-lru', true)
    refuse('redis_version:6.2.0\nmaxmemory_policy:noeviction')
    refuse('redis_version:7.2.4\nvalkey_version:8.1.0')
  })

  test('is told to people with what to do about it', () => {
    const told = (info: string, replicas = 0) =>
      inspections('redis://a:6379', facts(info), replicas).map(({ subject, verdict }) => `${subject}: ${verdict}`)

    assert.deepEqual(
      told('maxmemory_policy:noeviction aof_enabled:1 maxmemory:100 used_memory:90 rdb_last_bgsave_status:err'),
      ['server: good', 'durability: warning', 'eviction: good', 'memory: warning', 'replicas: good', 'disk: bad'],
    )
    assert.ok(told('', 1).includes('replicas: bad'))
    assert.ok(told('slave0:ip=1,state=online').includes('replicas: warning'))
    assert.ok(told('').includes('eviction: warning'))
  })

  test('means what a refusal of it begins with, also from within a script', () => {
    const meanings = {
      'LOADING Redis is loading the dataset in memory': 'busy',
      'TRYAGAIN Multiple keys request during rehashing of slot': 'busy',
      'ASK 605 127.0.0.1:7001': 'busy',
      'MOVED 605 127.0.0.1:7001': 'moved',
      "READONLY You can't write against a read only replica.": 'moved',
      'UNBLOCKED force unblock from blocking operation': 'moved',
      'NOSCRIPT No matching script.': 'unloaded',
      "OOM command not allowed when used memory > 'maxmemory'.": 'full',
      "ERR Error running script (call to f_0a): @user_script:3: -OOM command not allowed when used memory > 'maxmemory'.":
        'full',
      'WRONGTYPE Operation against a key script: 0a, on @user_script:1.': 'failed',
      'ERR user_script:2: Script attempted to access nonexistent global variable': 'failed',
      'WRONGTYPE Operation against a key holding the wrong kind of value': 'refused',
      'NOPERM this user has no permissions to run the command': 'refused',
    }

    for (const [message, meaning] of Object.entries(meanings)) assert.equal(refusalOf(message), meaning, message)
  })
})

test('a Redis store without the package "ioredis" says what to install', async (t) => {
  const hidden = registerHooks({
    resolve(specifier, context, next) {
      if (specifier !== 'ioredis') return next(specifier, context)
      throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
    },
  })
  t.after(() => hidden.deregister())

  const opening = openConnection({ url: 'redis://127.0.0.1:1', waitForServer: 0 })

  await assert.rejects(opening, (error: Error) => {
    return error instanceof StoreOpenError && error.message.includes('npm install ioredis')
  })
})

/** As an application sees it that has another package under this name. */
function replaced(t: TestContext, name: string, source: string) {
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      specifier === name
        ? { url: `data:text/javascript,${encodeURIComponent(source)}`, shortCircuit: true }
        : next(specifier, context),
  })
  t.after(() => hooks.deregister())
}

for (const [what, source, expected] of [
  ['that is another one', 'export const Redis = undefined', /"ioredis" 5.4 or newer.*something else/],
  ['that fails', 'throw new Error("no such CPU")', /"ioredis", which cannot be loaded \(no such CPU\)/],
] as const) {
  test(`a package "ioredis" ${what} is named at once, and not taken for a server that is away`, async (t) => {
    replaced(t, 'ioredis', source)

    const opening = openConnection({ url: 'redis://127.0.0.1:1', waitForServer: '1h' })

    await assert.rejects(opening, { code: 'STORE_OPEN', message: expected })
  })
}

test('what is no client of ioredis is refused, also if it connects', async () => {
  const pool = new pg.Pool()

  await assert.rejects(openConnection({ client: pool as never }), { code: 'INVALID_OPTION', message: /ioredis/ })
})

describe('a Redis server', { skip: !redis && 'no Redis server' }, () => {
  async function started(t: TestContext, settings: readonly string[]) {
    const server = await startRedis(redis!, settings)
    t.after(() => server.stop())
    return server
  }

  test('that evicts is refused unless forced, and said to lose jobs', async (t) => {
    const server = await started(t, ['--maxmemory-policy', 'allkeys-lru'])

    await assert.rejects(openConnection({ url: server.url }), { code: 'STORE_UNSAFE' })
    const connection = await openConnection({ url: server.url, force: true })
    const found = await connection.inspect()
    await connection.close()

    assert.match(found.find(({ subject }) => subject === 'eviction')!.detail, /allkeys-lru: jobs are lost/)
  })

  test('that is none of a Cluster, or no Sentinel, is refused at once with what to change', async (t) => {
    const { url } = await started(t, [])
    const patient = { waitForServer: '1h' }

    await assert.rejects(openConnection({ url: `${url}/?cluster`, ...patient }), {
      code: 'STORE_REFUSED',
      message: /cluster support disabled.*leave out "\?cluster"/,
    })
    await assert.rejects(openConnection({ url: `${url}/?sentinel=main`, ...patient }), {
      code: 'STORE_REFUSED',
      message: /unknown command.*name the Sentinels, whose usual port is 26379/,
    })
    const oneIsAway = { url: `${url},127.0.0.1:1/?sentinel=main`, waitForServer: 100 }
    await assert.rejects(openConnection(oneIsAway), { code: 'STORE_AWAY' })
  })

  test('that does not speak TLS, or is no Redis, is told from one that is away', async (t) => {
    const { url } = await started(t, [])
    const other = createServer((socket) => socket.on('data', () => socket.end())).listen(0, '127.0.0.1')
    await once(other, 'listening')
    t.after(() => other.close())
    const { port } = other.address() as AddressInfo
    const soon = { connectTimeout: 200, waitForServer: 400 }

    await assert.rejects(
      openConnection({ url: url.replace('redis:', 'rediss:'), ...soon }),
      /see whether it speaks TLS/,
    )
    await assert.rejects(
      openConnection({ url: `redis://127.0.0.1:${port}`, ...soon }),
      /see whether it is Redis at that/,
    )
    await assert.rejects(openConnection({ url: `rediss://127.0.0.1:${port}`, ...soon }), /see whether it speaks TLS/)
  })

  test('that has begun to evict is refused from the next connection on, until it does no more', async (t) => {
    const { url, port } = await started(t, [])
    const [connection, forced] = [await openConnection({ url }), await openConnection({ url, force: true })]
    t.after(() => Promise.all([connection.close(), forced.close()]))
    const refused = { code: 'STORE_UNSAFE', message: /maxmemory-policy allkeys-lru.*deletes keys/ }

    await command(port, 'config', 'set', 'maxmemory-policy', 'allkeys-lru')
    await killAll(port)
    await assert.rejects(
      untilAnswered(() => connection.command('ping')),
      refused,
    )
    await assert.rejects(connection.command('ping'), refused)
    assert.equal(await untilAnswered(() => forced.command('ping')), 'PONG')
    await command(port, 'config', 'set', 'maxmemory-policy', 'noeviction')

    await until('it is taken again', async () => (await connection.command('ping')) === 'PONG')
  })

  test('is asked for its settings at the start, and again by `inspect`', async (t) => {
    const server = await started(t, ['--appendonly', 'yes', '--appendfsync', 'always'])
    const connection = await openConnection({ url: server.url })
    const durability = async () => (await connection.inspect()).find(({ subject }) => subject === 'durability')!

    const first = await durability()
    await command(server.port, 'config', 'set', 'appendfsync', 'everysec')
    const second = await durability()
    await connection.close()

    assert.equal(first.detail, 'appendonly with appendfsync always: jobs survive a power cut.')
    assert.deepEqual([second.verdict, connection.durability], ['warning', 'second'])
  })

  test('that keeps its settings to itself is asked no more than it tells', async (t) => {
    const server = await started(t, ['--appendonly', 'yes', '--rename-command', 'CONFIG', ''])
    const connection = await openConnection({ url: server.url })

    const [, durability] = await connection.inspect()
    await connection.close()

    assert.match(durability!.detail, /does not tell how often it is forced to disk.*the last second/)
  })

  test('is spoken to in secret with `rediss:`, and not if its certificate is a stranger', tls, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'errand-tls-'))
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    execFileSync(
      openssl!,
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate, ...subject],
      {
        stdio: 'ignore',
      },
    )
    const port = await freePort()
    const files = ['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', certificate]
    await started(t, ['--tls-port', String(port), ...files, '--tls-auth-clients', 'no'])
    const tlsOptions = { ca: readFileSync(certificate) }
    const client = new Redis({ host: 'localhost', port, tls: tlsOptions, lazyConnect: true })

    const stranger = openConnection({ url: `rediss://localhost:${port}`, waitForServer: 300 })
    await assert.rejects(stranger, /Cannot reach the store at rediss:\/\/localhost:\d+.*self-signed certificate/)
    const connection = await openConnection({ client })
    const answer = await connection.command('ping')
    await connection.close()

    rmSync(folder, { recursive: true })
    assert.deepEqual([answer, connection.where], ['PONG', `rediss://localhost:${port}`])
  })
})
