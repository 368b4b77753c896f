import assert from 'node:assert/strict'
import { after, describe, test, type TestContext } from 'node:test'
import { StoreFullError, UnknownOutcomeError } from '../../src/errors.ts'
import { openConnection } from '../../src/store/redis/connection/open-connection.ts'
import { RedisStore } from '../../src/store/redis/redis.ts'
import type { JobRecord } from '../../src/store/store.ts'
import { aJob, aSettlement, aTurn, aWorker, jobs, succeeded } from '../../src/testing/conformance/builders.ts'
import { findRedis, startRedis } from '../servers.ts'

const program = await findRedis()

if (program !== undefined) await steps(program)

async function steps(program: string) {
  const server = await startRedis(program)
  after(() => server.stop())
  let stores = 0

  async function opened(t: TestContext, prefix = `steps-${++stores}`) {
    const connection = await openConnection({ url: server.url, prefix })
    const store = new RedisStore(connection)
    t.after(() => store.close())

    /** How often the server ran a script meanwhile. */
    async function callsOf(what: () => Promise<unknown>): Promise<number> {
      await connection.command('config', 'resetstat')
      await what()
      const stats = String(await connection.command('info', 'commandstats'))
      return Number(/evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0)
    }
    const keys = async () => (await connection.command('keys', `*${prefix}*`)) as string[]
    /** Resolves when so many workers are written down as sleeping. */
    async function asleep(workers: number): Promise<void> {
      while (Number(await connection.command('hlen', `{${prefix}}:parked`)) < workers);
    }
    return { connection, store, prefix, callsOf, keys, asleep }
  }

  /** A turn that settles and claims. */
  const working = (incarnation: string, claimed: readonly { id: string; claim: number }[] = []) =>
    aTurn({
      incarnation,
      settled: claimed.map((claim) => aSettlement(claim, succeeded)),
      room: [{ queues: ['default'], jobs: 200, bottomUp: 12 }],
    })

  /** Alike, as ids are that were made in one moment. */
  const idOf = (n: number) => `019a0000-0000-7000-8000-${String(n).padStart(12, '0')}`

  const stateOf = (job: JobRecord | 'gone' | undefined) => (typeof job === 'object' ? job.state : job)

  async function claim(store: RedisStore, incarnation: string) {
    const answer = await store.turn(working(incarnation))
    assert.ok(!answer.gone)
    return answer.claimed
  }

  describe('steps on redis', () => {
    test('an insert and a turn are one call of the server each', async (t) => {
      const { store, callsOf } = await opened(t)
      const worker = await store.join(aWorker())
      await store.insert([[aJob()]])
      const claimed = await claim(store, worker)

      assert.equal(await callsOf(() => store.insert([jobs(Array.from({ length: 200 }, (_, n) => `j${n}`))])), 1)
      assert.equal(await callsOf(() => store.turn(working(worker, claimed))), 1)
    })

    test('a job goes to a worker that sleeps in the process it comes from, and wakes no other', async (t) => {
      const here = await opened(t)
      const there = await opened(t, here.prefix)
      const [own, other] = [await here.store.join(aWorker()), await there.store.join(aWorker())]
      const { signal } = new AbortController()
      const woken: string[] = []
      const far = there.store.wait(other, ['default'], 60_000, signal).then(() => woken.push('other'))
      t.after(() => there.store.close().then(() => far))
      const claimed: string[] = []

      for (let times = 0; times < 8; times++) {
        const news = here.store.wait(own, ['default'], 60_000, signal)
        await here.asleep(2)
        // Its turn is asked for before the insert has been answered.
        const asking = news.then(() => claim(here.store, own))
        await here.store.insert([[aJob({ id: `j${times}` })]])
        claimed.push(...(await asking).map(({ id }) => id))
      }

      assert.deepEqual([claimed, woken], [Array.from({ length: 8 }, (_, times) => `j${times}`), []])
    })

    test('a thousand jobs enqueued one by one at once leave together', async (t) => {
      const { store, callsOf } = await opened(t)
      await store.insert([[aJob()]])

      const calls = await callsOf(() => Promise.all(Array.from({ length: 1_000 }, () => store.insert([[aJob()]]))))

      assert.ok(calls <= 6, `${calls} calls`)
      const [counts] = await store.counts()
      assert.equal(counts?.states.ready, 1_001)
    })

    test('each of those who enqueue at once is answered for itself', async (t) => {
      const { store } = await opened(t)
      await store.insert([[aJob({ id: 'a' })]])

      const answers = await Promise.all([
        store.insert([[aJob({ id: 'a' })]]),
        store.insert([[aJob({ id: 'b' })]]),
        store.insert([[aJob({ id: 'c' }), aJob({ id: 'a', input: '"other"' })]]),
        store.insert([[aJob({ id: 'd', unique: { key: 'k', scope: 'active', onConflict: 'keep' } })]]),
        store.insert([[aJob({ id: 'e', unique: { key: 'k', scope: 'active', onConflict: 'keep' } })]]),
      ])

      assert.deepEqual(
        answers.map(([call]) => call!.map(({ kind }) => kind)),
        [['exists'], ['inserted'], ['refused', 'refused'], ['inserted'], ['kept']],
      )
    })

    test('every key of a store stands under its hash tag', async (t) => {
      const { store, keys, prefix } = await opened(t)
      const worker = await store.join(aWorker())
      await store.insert([
        jobs(['a', 'b']),
        [
          aJob({ id: 'c', lane: { name: 'l', slots: 1 }, rate: { name: 'r', tokens: 1, perMs: 1_000 } }),
          aJob({ id: 'd', due: { inMs: 60_000 }, expires: { inMs: 90_000 }, after: { on: ['a'], otherwise: 'run' } }),
        ],
      ])
      await store.turn(working(worker, await claim(store, worker)))
      await store.upkeep()

      const strays = (await keys()).filter((key) => !key.startsWith(`{${prefix}}:`))
      assert.deepEqual(strays, [])
    })

    test('a plain job takes little room while it waits', async (t) => {
      const { store, connection } = await opened(t)
      const memory = async () =>
        Number(/used_memory:(\d+)/.exec(String(await connection.command('info', 'memory')))![1])
      const input = JSON.stringify({ to: 'somebody.4711@example.com', subject: 'Your order has been shipped' })
      const before = await memory()

      for (let n = 0; n < 20_000; n += 200) {
        await store.insert([Array.from({ length: 200 }, (_, m) => aJob({ id: idOf(n + m), input }))])
      }

      const each = ((await memory()) - before) / 20_000
      assert.ok(each < 300, `${Math.round(each)} bytes`)
    })

    test('a server that was emptied is taken for a new one', async (t) => {
      const { store, connection, keys } = await opened(t)
      await store.insert([[aJob()]])
      for (const key of await keys()) await connection.command('del', key)

      await store.insert([[aJob({ id: 'plain' })], [aJob({ id: 'other', once: true })]])

      const [plain, other] = await store.get(['plain', 'other'])
      assert.deepEqual(
        [plain, other].map((job) => typeof job === 'object' && job.queue),
        ['default', 'default'],
      )
    })

    test('a turn that a resync has overtaken acts no more', async (t) => {
      const { store, prefix } = await opened(t)
      const worker = await store.join(aWorker())
      await store.insert([[aJob({ id: 'a' })]])
      const other = await opened(t, prefix)
      await other.store.resync(worker)

      // Sent before the resync, as far as the store can tell.
      await assert.rejects(store.turn(working(worker)), UnknownOutcomeError)

      const [job] = await store.get(['a'])
      assert.equal(typeof job === 'object' && job.state, 'ready')
    })

    test('nothing is published while nobody listens', async (t) => {
      const { store, connection } = await opened(t)
      const heard: string[] = []
      await connection.subscribe([`{${connection.prefix}}:events`], (_, message) => heard.push(message))

      await store.insert([[aJob()]])
      await store.cancel(['nobody'])
      await connection.quiet()

      assert.deepEqual(heard, [])
    })

    test('work wakes one who is there, not one who died in its sleep', async (t) => {
      const never = new AbortController().signal
      for (let n = 0; n < 5; n++) {
        const { store, asleep } = await opened(t, 'sleepers')
        void store.wait(await store.join(aWorker()), ['default'], 60_000, never)
        await asleep(n + 1)
        await store.close()
      }
      const { store, asleep } = await opened(t, 'sleepers')
      const woken = store.wait(await store.join(aWorker()), ['default'], 60_000, never)
      await asleep(6)

      await store.insert([[aJob()]])

      assert.equal(await woken, 'work')
    })

    test('cancelled jobs in a line are passed over, however many', async (t) => {
      const { store } = await opened(t)
      const worker = await store.join(aWorker())
      const ids = Array.from({ length: 1_500 }, (_, n) => `j${n}`)
      for (let n = 0; n < ids.length; n += 100) await store.insert([jobs(ids.slice(n, n + 100))])
      for (let n = 0; n < ids.length - 1; n += 100) {
        await store.cancel(ids.slice(n, n + 100).filter((id) => id !== ids.at(-1)))
      }

      const claimed: string[] = []
      for (let more = true; more;) {
        const answer = await store.turn(working(worker))
        assert.ok(!answer.gone)
        claimed.push(...answer.claimed.map(({ id }) => id))
        more = answer.more
      }

      assert.deepEqual(claimed, [ids.at(-1)])
    })

    test('a job retried after it was cancelled in its line is claimed once, at its new place', async (t) => {
      const { store } = await opened(t)
      const worker = await store.join(aWorker())
      await store.insert([jobs(['a', 'b'])])
      await store.cancel(['a'])
      await store.retry(['a'])

      const claimed = await claim(store, worker)

      assert.deepEqual(
        claimed.map(({ id }) => id),
        ['b', 'a'],
      )
    })

    test('ids of the usual length come back as they were, whatever they are made of', async (t) => {
      const { store } = await opened(t)
      const worker = await store.join(aWorker())
      const ids = ['\u00e9'.repeat(36), `a\0${'b'.repeat(34)}`, 'c'.repeat(36), 'd']

      for (const some of [ids, ids.slice(0, 3), ids.slice(1, 3)]) {
        await store.insert([jobs(some)])
        const claimed = await claim(store, worker)
        assert.deepEqual(
          claimed.map(({ id }) => id),
          some,
        )
        await store.turn(working(worker, claimed))
        assert.deepEqual(
          (await store.get(some)).map(stateOf),
          some.map(() => 'succeeded'),
        )
        await store.remove(some)
      }
    })

    test('ids that begin with a mark, or alike, come back as they were', async (t) => {
      const { store } = await opened(t)
      const worker = await store.join(aWorker())
      const ids = ['\x01', '\x01\x02', '\x02a', idOf(1), idOf(2), `\x01${idOf(3).slice(1)}`, idOf(4), `${idOf(5)}-more`]
      await store.insert([jobs(ids)])
      await store.cancel([idOf(2)])
      const left = ids.filter((id) => id !== idOf(2))

      const claimed = await claim(store, worker)

      assert.deepEqual(
        claimed.map(({ id }) => id),
        left,
      )
      const { jobs: found } = await store.find({}, undefined)
      assert.deepEqual(
        found.map(({ id }) => id),
        ids.toReversed(),
      )
    })

    test('a few of many jobs are claimed at a time, in their order', async (t) => {
      const { store } = await opened(t)
      const worker = await store.join(aWorker())
      const ids = Array.from({ length: 90 }, (_, n) => idOf(n))
      for (const from of [0, 30, 31, 32, 33, 40]) {
        const to = [0, 30, 31, 32, 33, 40, 90].find((end) => end > from)!
        await store.insert([jobs(ids.slice(from, to))])
      }

      const claimed: string[] = []
      for (let room = 1; claimed.length < ids.length; room = (room * 3) % 23) {
        const answer = await store.turn(
          aTurn({ incarnation: worker, room: [{ queues: ['default'], jobs: room, bottomUp: 0 }] }),
        )
        assert.ok(!answer.gone)
        claimed.push(...answer.claimed.map(({ id }) => id))
      }

      assert.deepEqual(claimed, ids)
    })

    test('pages show every job once, also when most that were inserted with them are gone', async (t) => {
      const { store, connection } = await opened(t)
      const worker = await store.join(aWorker())
      const [old, short, recent] = [0, 1, 2].map((part) => Array.from({ length: 300 }, (_, n) => idOf(part * 300 + n)))
      for (let n = 0; n < 300; n += 100) {
        await store.insert([
          old!.slice(n, n + 20).map((id) => aJob({ id, queue: 'other' })),
          short!.slice(n, n + 100).map((id) => aJob({ id, keepSucceededMs: 0 })),
        ])
      }
      for (let claimed = await claim(store, worker); claimed.length > 0;) {
        const answer = await store.turn(working(worker, claimed))
        claimed = answer.gone ? [] : [...answer.claimed]
      }
      for (let n = 0; n < 8; n++) await store.upkeep()
      assert.notEqual(await connection.command('zcard', `{${connection.prefix}}:old`), 0)
      await store.insert([jobs(recent!)])

      const shown: string[] = []
      let cursor: string | undefined
      do {
        const page = await store.find({ limit: 7 }, cursor)
        shown.push(...page.jobs.map(({ id }) => id))
        cursor = page.cursor
      } while (cursor !== undefined)

      const expected = [0, 100, 200].flatMap((n) => old!.slice(n, n + 20))
      assert.deepEqual(shown, [...expected, ...recent!].toReversed())
    })

    test('a turn hands over the ends of some hundred members, and says that there is more', async (t) => {
      const { store } = await opened(t)
      const worker = await store.join(aWorker())
      const on = Array.from({ length: 260 }, (_, n) => idOf(n))
      const waiters = ['a', 'b', 'c'].map((id) => aJob({ id, after: { on, otherwise: 'cancel' } }))
      await store.insert([[...on.map((id) => aJob({ id })), ...waiters]])
      const first = await store.turn(working(worker))
      const rest = await store.turn(working(worker, first.gone ? [] : first.claimed))

      const answers = [
        await store.turn(working(worker, rest.gone ? [] : rest.claimed)),
        await store.turn(working(worker)),
      ]

      const told = answers.map((answer) => (answer.gone ? [] : answer.claimed.map((job) => job.members?.length)))
      assert.deepEqual(told, [[260, 260], [260]])
      assert.deepEqual(
        answers.map((answer) => !answer.gone && answer.more),
        [true, false],
      )
    })

    test('jobs of one queue keep the order of their call, whatever task they are of', async (t) => {
      const { store } = await opened(t)
      const tasks = ['one', 'other', 'one', 'one', 'other']
      await store.insert([
        tasks.map((task, index) => aJob({ id: `j${index}`, task, ...(index === 2 && { tags: ['t'] }) })),
      ])

      const claimed = await claim(store, await store.join(aWorker()))

      assert.deepEqual(
        claimed.map(({ id, task }) => `${id} ${task}`),
        tasks.map((task, index) => `j${index} ${task}`),
      )
      const [plain, , tagged] = await store.get(['j1', 'j1', 'j2'])
      assert.ok(plain && plain !== 'gone' && tagged && tagged !== 'gone')
      assert.deepEqual([plain.tags, tagged.tags], [undefined, ['t']])
    })

    test('texts with any characters come back as they were', async (t) => {
      const { store } = await opened(t)
      const worker = await store.join(aWorker())
      const input = '"one\ntwo\x10\x100 ünï 🚀 \u2028"'
      const result = 'a\nb\x101'
      await store.insert([[aJob({ id: 'a\nb', task: 'tä"sk\n', queue: 'default', input, tags: ['x\ny'] })]])

      const [job] = await claim(store, worker)
      await store.turn(
        aTurn({ incarnation: worker, settled: [aSettlement(job!, { kind: 'succeeded', result })], room: [] }),
      )

      assert.deepEqual([job!.id, job!.task, job!.input], ['a\nb', 'tä"sk\n', input])
      const [ended] = await store.get(['a\nb'])
      assert.ok(typeof ended === 'object')
      assert.deepEqual([ended.input, ended.result, ended.tags], [input, result, ['x\ny']])
    })
  })

  describe('redis with its memory full', () => {
    test('enqueueing is refused whole, and running jobs can still end', async (t) => {
      const full = await startRedis(program)
      t.after(() => full.stop())
      const connection = await openConnection({ url: full.url })
      const store = new RedisStore(connection)
      t.after(() => store.close())
      const worker = await store.join(aWorker())
      await store.insert([jobs(['a', 'b'])])
      const claimed = await claim(store, worker)
      await connection.command('config', 'set', 'maxmemory', '1')

      await assert.rejects(store.insert([jobs(['c', 'd'])]), StoreFullError)
      await assert.rejects(store.insert([[aJob({ id: 'e', once: true })]]), StoreFullError)
      const answer = await store.turn(working(worker, claimed))
      await store.upkeep()

      assert.deepEqual(answer.gone || answer.stale, [])
      const states = (await store.get(['a', 'b', 'c', 'e'])).map((job) => typeof job === 'object' && job.state)
      assert.deepEqual(states, ['succeeded', 'succeeded', false, false])
    })
  })
}
