import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidOptionError } from '../../errors.ts'
import type { JobQuery } from '../../store/store.ts'
import { aJob, failed, jobs, retryIn, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

export function finding(harness: StoreHarness): void {
  test('jobs are found newest first', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b']))
    await scene.insert(...jobs(['c']))
    await scene.run(worker, retryIn(0))

    assert.deepEqual(
      (await scene.find()).map(({ id }) => id),
      ['c', 'b', 'a'],
    )
  })

  test('pages follow one another without gap or repeat, while others insert', async (t) => {
    const scene = await setScene(harness, t)
    const ids = Array.from({ length: 25 }, (_, n) => `j${n}`)
    await scene.insert(...jobs(ids))
    const pages: string[][] = []
    let cursor: string | undefined

    do {
      const page = await scene.store.find({ limit: 10 }, cursor)
      assert.ok(page.jobs.length <= 10)
      pages.push(page.jobs.map(({ id }) => id))
      cursor = page.cursor
      await scene.insert(aJob())
    } while (cursor !== undefined)

    assert.deepEqual(pages.flat(), ids.toReversed())
  })

  test('a cursor that no page ended with is refused', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob())

    for (const cursor of ['bogus', '', '-1', '0', '1.5', ' 7', '1e3', '99999999999999999999']) {
      await assert.rejects(scene.store.find({}, cursor), InvalidOptionError, cursor)
    }
  })

  test('get answers in the order asked', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['a', 'b']))

    const found = await scene.store.get(['b', 'nobody', 'a', 'b'])

    assert.deepEqual(
      found.map((job) => (job === undefined || job === 'gone' ? job : job.id)),
      ['b', undefined, 'a', 'b'],
    )
    assert.deepEqual(await scene.store.get([]), [])
  })

  const began = Date.UTC(2026, 0, 1)
  const queries: Record<string, [JobQuery, string[]]> = {
    'by state': [{ states: ['failed'] }, ['b']],
    'by several states': [{ states: ['failed', 'succeeded'] }, ['b', 'a']],
    'by task': [{ tasks: ['mail'] }, ['d', 'c']],
    'by queue': [{ queues: ['slow'] }, ['d']],
    'by tag': [{ tag: 'blue' }, ['e', 'c']],
    'by when they were added': [{ createdFrom: began + 1, createdTo: began + 11 }, ['c', 'b']],
    'by a field of the input': [{ input: { path: 'user.id', value: 7 } }, ['c']],
    'by a text that looks like a number': [{ input: { path: 'user.id', value: '7' } }, ['d']],
    'by a field that is null': [{ input: { path: 'user', value: null } }, ['e']],
    'by a field that is true': [{ input: { path: 'vip', value: true } }, ['d']],
    'by a field of the metadata': [{ metadata: { path: 'tenant', value: 'acme' } }, ['d']],
    'by all of it at once': [{ states: ['ready'], tasks: ['mail'], tag: 'blue' }, ['c']],
    'by what nothing has': [{ tag: 'nothing' }, []],
  }
  for (const [how, [query, expected]] of Object.entries(queries)) {
    test(`jobs are found ${how}`, async (t) => {
      const scene = await setScene(harness, t)
      const worker = await scene.join()
      const inserted = [
        aJob({ id: 'a' }),
        aJob({ id: 'b', input: '[1]' }),
        aJob({ id: 'c', task: 'mail', tags: ['blue', 'big'], input: '{"user":{"id":7}}' }),
        aJob({
          id: 'd',
          task: 'mail',
          queue: 'slow',
          metadata: '{"tenant":"acme"}',
          input: '{"user":{"id":"7"},"vip":true}',
        }),
        aJob({ id: 'e', tags: ['blue'], due: { inMs: 100_000 }, input: '{"user":null,"vip":1}' }),
      ]
      for (const [n, job] of inserted.entries()) {
        await scene.insert(job)
        if (n < 2) await scene.run(worker, n === 0 ? succeeded : failed)
        await scene.env.advance([1, 9, 1, 50, 0][n]!)
      }

      assert.deepEqual(
        (await scene.find(query)).map(({ id }) => id),
        expected,
      )
    })
  }

  test('jobs are found newest first by a tag that is indexed, also among many others', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    const tags = ['blue', 'part-of:whole']
    await scene.insert(aJob({ id: 'a', tags }), aJob({ id: 'b', tags: ['part-of:other'] }))
    await scene.run(worker, succeeded)
    await scene.insert(...jobs(Array.from({ length: 30 }, (_, n) => `j${n}`)))
    await scene.insert(aJob({ id: 'c', tags, after: { on: ['b'], otherwise: 'cancel' } }))
    await scene.insert(...jobs(['d', 'e'], { tags }), aJob({ id: 'f', tags: ['blue'] }))
    await scene.store.remove(['d'])
    const ids = async (query: JobQuery) => (await scene.find(query)).map(({ id }) => id)

    assert.deepEqual(await ids({ tag: 'part-of:whole' }), ['e', 'c', 'a'])
    assert.deepEqual(await ids({ tag: 'part-of:whole', limit: 1 }), ['e', 'c', 'a'])
    assert.deepEqual(await ids({ tag: 'part-of:whole', states: ['succeeded', 'blocked'] }), ['c', 'a'])
    assert.deepEqual(await ids({ tag: 'part-of:nothing' }), [])
    assert.deepEqual((await scene.store.find({ tag: 'part-of:whole' })).cursor, undefined)
  })

  test('a job is found no more by its indexed tag once it was pruned', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], { tags: ['part-of:whole'], keepSucceededMs: 60_000 }))
    await scene.run(worker, succeeded)
    await scene.env.advance(120_000)
    await scene.store.upkeep()
    await scene.insert(aJob({ id: 'a' }))

    assert.deepEqual(
      (await scene.find({ tag: 'part-of:whole' })).map(({ id }) => id),
      ['b'],
    )
  })

  test('a page has at most five hundred jobs, and fifty if nothing is said', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(Array.from({ length: 300 }, (_, n) => `a${n}`)))
    await scene.insert(...jobs(Array.from({ length: 300 }, (_, n) => `b${n}`)))

    assert.equal((await scene.store.find({})).jobs.length, 50)
    assert.ok((await scene.store.find({ limit: 10_000 })).jobs.length <= 500)
    assert.equal((await scene.find({ limit: 10_000 })).length, 600)
  })
}
