import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClaimedJob } from '../../src/store/store.ts'
import { Slots } from '../../src/worker/slots.ts'

function aJob(id: string, leader?: string): ClaimedJob {
  const job = {
    id,
    claim: 1,
    task: 'task',
    queue: 'default',
    rank: 2,
    input: '1',
    attempt: 1,
    crashes: 0,
    createdAt: 0,
  }

  return { ...job, ...(leader !== undefined && { leader }) } as ClaimedJob
}

/** A group of three between two jobs by themselves. */
function holding(): Slots {
  const slots = new Slots({ queues: ['default'], slots: 2, rotate: false }, 0)
  slots.add([aJob('a'), aJob('b', 'b'), aJob('c', 'b'), aJob('d', 'b'), aJob('e')], 0)

  return slots
}

const ids = (jobs: readonly ClaimedJob[]) => jobs.map(({ id }) => id)

/** What is started, group by group. */
function all(slots: Slots): string[] {
  const started: string[] = []
  while (slots.waiting > 0) {
    const job = slots.take()
    started.push(ids([job, ...slots.companions(job)]).join('+'))
  }
  return started
}

test('a group waits for one slot, and starts together', () => {
  const slots = holding()

  const waiting = slots.waiting

  assert.equal(waiting, 3)
  assert.deepEqual(all(slots), ['a', 'b+c+d', 'e'])
})

test('jobs whose leader is not among them are a group all the same, as after an answer that got lost', () => {
  const slots = new Slots({ queues: ['default'], slots: 2, rotate: false }, 0)

  slots.add([aJob('c', 'b'), aJob('d', 'b')], 0)

  assert.deepEqual(all(slots), ['c+d'])
})

test('all of a group is known to be held, and given back with the rest', () => {
  const [late, cleared] = [holding(), holding()]

  const held = ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => late.holds(id))

  assert.deepEqual(held, [true, true, true, true, true, false])
  assert.deepEqual(ids(late.takeLate(1)), ['a', 'b', 'c', 'd', 'e'])
  assert.deepEqual(ids(cleared.clear()), ['a', 'b', 'c', 'd', 'e'])
  assert.deepEqual([late.waiting, cleared.waiting, late.holds('c'), cleared.holds('c')], [0, 0, false, false])
})

test('one of a group is dropped alone, also the first', () => {
  const slots = holding()

  const dropped = [slots.drop('c'), slots.drop('b'), slots.drop('x')].map((job) => job?.id)

  assert.deepEqual(dropped, ['c', 'b', undefined])
  assert.equal(slots.waiting, 3)
  assert.deepEqual(all(slots), ['a', 'd', 'e'])
})

test('a group that is none any more waits as so many jobs', () => {
  const slots = holding()
  slots.take()
  const first = slots.take()
  const others = slots.companions(first)

  slots.addApart([first, ...others], 0)

  assert.deepEqual(others.length, 2)
  assert.deepEqual(all(slots), ['e', 'b', 'c', 'd'])
  assert.equal(slots.hasCompanions(first), false)
})

test('a worker that is quicker than its store asks for what it can run, and not for what it was given', () => {
  const slots = new Slots({ queues: ['default'], slots: 10, rotate: false }, 0)
  const [runMs, answerMs] = [10, 30]

  for (let now = 0; now < 1000; now += runMs + answerMs) {
    slots.add(
      Array.from({ length: 100 }, () => aJob('a')),
      now,
    )
    while (slots.waiting > 0) slots.take()
    slots.ended = 100
    slots.endedAt = now + runMs
    slots.measure(now + runMs)
    slots.pace.answered(answerMs)
  }

  assert.ok(slots.space(1000, 3) > 400, `${slots.space(1000, 3)} jobs`)
})
