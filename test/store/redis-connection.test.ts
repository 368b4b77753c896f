import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { Redis } from 'ioredis'
import {
  StoreAwayError,
  StoreBusyError,
  StoreFullError,
  StoreRefusedError,
  UnknownOutcomeError,
} from '../../src/errors.ts'
import { openConnection } from '../../src/store/redis/connection/open-connection.ts'
import { saying, startProxy, type Proxy } from '../proxy.ts'
import { command } from '../redis-servers.ts'
import { findRedis, startRedis, type RedisServer } from '../servers.ts'
import { count, heard, killAll, script } from './redis-scripts.ts'

const redis = await findRedis()

describe('a connection to Redis', { skip: !redis && 'no Redis server' }, () => {
  let server: RedisServer
  let proxy: Proxy
  let url: string

  before(async () => {
    server = await startRedis(redis!)
    proxy = await startProxy(server.port)
    url = `redis://127.0.0.1:${proxy.port}/?commandTimeout=400&waitForServer=3s&connectTimeout=300`
  })
  after(async () => {
    await proxy.stop()
    await server.stop()
  })

  /** One whose keys are its own, and which ends with the test. */
  async function opened(t: { after(callback: () => Promise<void>): void; name: string }, at = url) {
    const connection = await openConnection({ url: at, prefix: t.name.replaceAll(/\W/g, '-').slice(0, 64) })
    t.after(async () => {
      proxy.pass()
      await connection.close()
    })
    return connection
  }

  test('a script runs, and again after the server has forgotten it', async (t) => {
    const connection = await opened(t)

    const first = await connection.call(count, 'n', [1])
    await command(server.port, 'script', 'flush')
    const second = await connection.call(count, 'n', [1])

    assert.deepEqual([first, second], [1, 2])
  })

  test('a call goes on working after every connection was killed, many times', async (t) => {
    const connection = await opened(t)
    const counted: unknown[] = []
    let unknown = 0

    for (let round = 0; round < 20; round++) {
      const killed = killAll(server.port)
      const answers = await Promise.allSettled(Array.from({ length: 20 }, () => connection.call(count, 'storm', [1])))
      await killed
      for (const answer of answers) {
        if (answer.status === 'fulfilled') counted.push(answer.value)
        else if (answer.reason instanceof UnknownOutcomeError) unknown++
        else throw answer.reason
      }
    }
    const total = Number(await command(server.port, 'get', 'storm'))

    assert.equal(new Set(counted).size, counted.length, 'no answer is told twice')
    assert.ok(total >= counted.length && total <= counted.length + unknown, `${total}, ${counted.length}, ${unknown}`)
    assert.equal(counted.length + unknown, 400)
  })

  test('a request that was cut off on its way is of unknown outcome, and is not sent again', async (t) => {
    const connection = await opened(t)

    const cut = proxy.cutBeforeRequest(saying('evalsha'))
    const call = connection.call(count, 'before', [1], { ids: ['a', 'b'] })

    await assert.rejects(call, (error) => error instanceof UnknownOutcomeError && error.ids.join() === 'a,b')
    await cut
    assert.equal(await connection.call(count, 'before', [1]), 1)
  })

  test('a request whose reply was cut off is of unknown outcome, and was carried out once', async (t) => {
    const connection = await opened(t)
    await connection.call(count, 'after', [1])

    const cut = proxy.cutBeforeReply(saying('evalsha'))
    await assert.rejects(connection.call(count, 'after', [1]), UnknownOutcomeError)
    await cut

    assert.equal(await connection.call(count, 'after', [1]), 3)
  })

  test('what only reads is asked again when its answer was lost', async (t) => {
    const connection = await opened(t)
    const cut = proxy.cutBeforeReply(saying('evalsha'))

    const answer = await connection.call(heard, 'nothing', ['x'], { repeat: true })

    await cut
    assert.equal(answer, 'x')
  })

  test('a connection that has gone silent is given up within its time, and the next one works', async (t) => {
    const connection = await opened(t)
    await connection.call(count, 'silent', [1])

    proxy.blackHole()
    const began = performance.now()
    await assert.rejects(connection.call(count, 'silent', [1]), UnknownOutcomeError)
    const gaveUpMs = performance.now() - began
    proxy.pass()
    const next = await connection.call(count, 'silent', [1])

    assert.ok(gaveUpMs >= 390 && gaveUpMs < 1500, `${gaveUpMs} ms`)
    assert.equal(next, 2)
  })

  test('a listener that was severed in silence hears again, and is told that it missed something', async (t) => {
    const connection = await opened(t)
    const words: string[] = []
    const said = Promise.withResolvers<void>()
    const again = new Promise<void>((resolve) => connection.onReconnect(resolve))
    await connection.subscribe(['news'], (_, message) => {
      words.push(message)
      if (message === 'two') said.resolve()
    })
    await command(server.port, 'publish', 'news', 'one')
    await connection.quiet()

    proxy.blackHole()
    const began = performance.now()
    await command(server.port, 'publish', 'news', 'lost')
    proxy.pass()
    await again
    const deafMs = performance.now() - began
    await command(server.port, 'publish', 'news', 'two')
    await said.promise

    assert.deepEqual(words, ['one', 'two'])
    assert.ok(deafMs < 5000, `${deafMs} ms`)
  })

  test('a listener hears again after its connection was killed', async (t) => {
    const connection = await opened(t)
    const again = new Promise<void>((resolve) => connection.onReconnect(resolve))
    const said = Promise.withResolvers<string>()
    await connection.subscribe(['a', 'b'], (channel, message) => said.resolve(`${channel} ${message}`))

    await command(server.port, 'client', 'kill', 'type', 'pubsub')
    await again
    await command(server.port, 'publish', 'b', 'hello')

    assert.equal(await said.promise, 'b hello')
  })

  test('as many connections are opened as were asked for, and not before they are needed', async () => {
    const namesOf = async (prefix: string) => {
      const list = String(await command(server.port, 'client', 'list'))
      return [...list.matchAll(/name=errand:(\S+):(\w+) /g)].filter(([, of]) => of === prefix).map(([, , line]) => line)
    }
    const open = async (connections: number) => {
      const prefix = `pool${connections}`
      const connection = await openConnection({ url: server.url, prefix, connections })
      const atFirst = await namesOf(prefix)
      const calls = Array.from({ length: 20 }, () => connection.call(count, prefix, [1], { line: 'insert' }))
      await Promise.all([...calls, connection.call(count, prefix, [1])])
      const atWork = await namesOf(prefix)
      await connection.close()
      return [atFirst, atWork.toSorted((a, b) => a!.localeCompare(b!))]
    }

    assert.deepEqual(await open(1), [['turn'], ['turn']])
    assert.deepEqual(await open(2), [['turn'], ['insert', 'turn']])
    assert.deepEqual(await open(4), [['turn'], ['insert', 'insert', 'insert', 'turn']])
  })

  test('a call made while the server is away is carried out once it is back', async (t) => {
    const connection = await opened(t)
    proxy.refuse()
    await connection.command('ping').catch(() => {})

    const call = connection.call(count, 'away', [1])
    proxy.pass()

    assert.equal(await call, 1)
  })

  test('a call fails within its time when the server stays away, and says that nothing has happened', async (t) => {
    const connection = await opened(t, `${url}&prefix=x`.replace('waitForServer=3s', 'waitForServer=200'))
    proxy.refuse()

    const began = performance.now()
    const error = await connection.call(count, 'gone', [1]).then(
      () => assert.fail('it was answered'),
      (reason: StoreAwayError | UnknownOutcomeError) => reason,
    )
    const second = await connection.call(count, 'gone', [1]).catch((reason: unknown) => reason)

    assert.ok(performance.now() - began < 1500)
    assert.ok(error instanceof StoreAwayError || error instanceof UnknownOutcomeError)
    assert.ok(second instanceof StoreAwayError)
    assert.match(second.message, /redis:\/\/127\.0\.0\.1:\d+.*Nothing has happened/)
    assert.equal(second.outcome, 'none')
  })

  test('a server that is away at the start is waited for', async (t) => {
    proxy.refuse()
    const opening = opened(t)
    const tried = proxy.connected

    proxy.pass()
    const connection = await opening

    assert.ok(proxy.connected > tried)
    assert.equal(await connection.command('ping'), 'PONG')
  })

  test('a server that is never there fails the opening with its address and the reason', async () => {
    const opening = openConnection({ url: 'redis://:secret@127.0.0.1:1', waitForServer: 150 })

    await assert.rejects(opening, (error: Error) => {
      assert.ok(error instanceof StoreAwayError)
      assert.match(error.message, /redis:\/\/127\.0\.0\.1:1,.*ECONNREFUSED/)
      assert.doesNotMatch(error.message, /secret/)
      return true
    })
  })

  test('a server that takes connections and never speaks fails the opening too', async () => {
    const mute = await startProxy(server.port)
    mute.blackHole()

    const opening = openConnection({ url: `redis://127.0.0.1:${mute.port}`, waitForServer: 500, connectTimeout: 200 })

    await assert.rejects(opening, StoreAwayError)
    await mute.stop()
  })

  test('a wrong password is refused at once, and not waited for', async (t) => {
    const locked = await startRedis(redis!, ['--requirepass', 'right'])
    t.after(() => locked.stop())
    const at = (password: string) => locked.url.replace('//', `//:${password}@`)

    const began = performance.now()
    await assert.rejects(openConnection({ url: at('wrong') }), StoreRefusedError)
    await assert.rejects(openConnection({ url: locked.url }), /NOAUTH.*Correct the user and password/)
    const connection = await openConnection({ url: at('right') })

    assert.ok(performance.now() - began < 2000)
    await connection.close()
  })

  test('while a script of another holds the server, calls wait, and then say that nothing has happened', async (t) => {
    const connection = await opened(t, url.replace('waitForServer=3s', 'waitForServer=300'))
    await command(server.port, 'config', 'set', 'busy-reply-threshold', 1)
    const endless = new Redis({ port: server.port, host: '127.0.0.1', retryStrategy: () => null })
    endless.on('error', () => {})
    const looping = endless.eval('while true do end', 0).catch(() => {})
    await once(endless, 'ready')

    const refused = await connection.call(count, 'busy', [1]).catch((error: unknown) => error)
    const call = connection.call(count, 'busy', [1])
    await command(server.port, 'script', 'kill')

    await looping
    endless.disconnect()
    assert.ok(refused instanceof StoreBusyError, String(refused))
    assert.match(refused.message, /BUSY/)
    assert.equal(await call, 1)
  })

  test('a full memory refuses a script that needs more, and lets one that ends something run', async (t) => {
    const connection = await opened(t)
    t.after(() => command(server.port, 'config', 'set', 'maxmemory', 0).then(() => {}))
    await command(server.port, 'config', 'set', 'maxmemory', 1)
    const settling = script('settle', `#!lua flags=allow-oom\nreturn redis.call('set', KEYS[1], ARGV[1])`)

    await assert.rejects(connection.call(count, 'full', [1]), StoreFullError)
    const settled = await connection.call(settling, 'settled', ['x'])

    assert.equal(String(settled), 'OK')
    assert.equal(await command(server.port, 'exists', 'full'), 0)
  })

  test('a key of another program under the same name is told as what it is', async (t) => {
    const connection = await opened(t)
    await command(server.port, 'lpush', 'foreign', 'x')

    await assert.rejects(connection.command('incr', 'foreign'), /WRONGTYPE.*choose another `prefix`/)
  })

  test('a closed connection ends what waits, and takes nothing more', async (t) => {
    const connection = await opened(t)
    proxy.blackHole()
    const call = connection.call(count, 'closing', [1])
    await new Promise(setImmediate)

    await connection.close()

    await assert.rejects(call, UnknownOutcomeError)
    await assert.rejects(connection.command('ping'), { code: 'STORE_CLOSED' })
  })

  test("a user's own client gives its settings, and is left alone", async (t) => {
    const client = new Redis({ port: server.port, host: '127.0.0.1', db: 3, keyPrefix: 'theirs:' })
    t.after(async () => client.disconnect())

    const connection = await openConnection({ client, prefix: 'shop' })
    await connection.call(count, 'own', [1])
    await connection.close()

    assert.equal(connection.where, `redis://127.0.0.1:${server.port}/3`)
    assert.equal(await client.ping(), 'PONG')
    assert.equal(await client.exists('own'), 0, 'its key prefix is not ours')
  })
})
