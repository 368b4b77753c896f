import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { UsageError } from '../../src/cli/failures.ts'
import { queryOf } from '../../src/cli/query-flags.ts'
import { queueOptions, unknownQueue } from '../../src/cli/queues-option.ts'
import { unservedQueues, unservedSentence } from '../../src/cli/unserved.ts'
import { inputOf } from '../../src/cli/values.ts'

describe('the input of a call', () => {
  const cases: [string, string[], unknown][] = [
    ['no words are no input', [], undefined],
    ['a JSON value is that value', ['{"a":[1]}'], { a: [1] }],
    ['a number is a number', ['7'], 7],
    ['a word is text', ['Ada'], 'Ada'],
    [
      'fields make an object',
      ['to=ada@example.org', 'copies=2', 'draft=true'],
      { to: 'ada@example.org', copies: 2, draft: true },
    ],
    ['a leading zero makes text', ['zip=01234'], { zip: '01234' }],
    ['quotes make text of a number', ['phone="123"'], { phone: '123' }],
    ['a dot goes one level down', ['user.id=7', 'user.name=Ada'], { user: { id: 7, name: 'Ada' } }],
    ['an empty value is an empty text', ['note='], { note: '' }],
    ['a value may hold an equals sign', ['url=https://example.org/?a=b'], { url: 'https://example.org/?a=b' }],
    ['an address with a query is text and no field', ['https://example.org/?a=b'], 'https://example.org/?a=b'],
  ]
  for (const [name, words, input] of cases) {
    test(name, () => {
      assert.deepEqual(inputOf(words), input)
    })
  }

  for (const words of [['{"a":'], ['one', 'two'], ['a=1', 'a=2'], ['a=1', 'a.b=2'], ['__proto__.x=1']]) {
    test(`${words.join(' ')} is refused`, () => {
      assert.throws(() => inputOf(words), UsageError)
    })
  }
})

describe('the queues of a worker', () => {
  test('names alone share the slots in strict order', () => {
    assert.deepEqual(queueOptions(['high', 'default'], '8'), { queues: ['high', 'default'], concurrency: 8 })
  })

  test('with one number, each queue has slots of its own', () => {
    assert.deepEqual(queueOptions(['email', 'default:2'], '5'), { queues: { email: 5, default: 2 } })
    assert.deepEqual(queueOptions(['email', 'default:2'], undefined), { queues: { email: 10, default: 2 } })
  })

  test('no queues leave the choice to the tasks', () => {
    assert.deepEqual(queueOptions(undefined, '3'), { concurrency: 3 })
  })

  for (const [queues, concurrency] of [
    [['email:'], undefined],
    [['email:0'], undefined],
    [[''], undefined],
    [[':3'], undefined],
    [['a', 'a:2'], undefined],
    [['a'], 'many'],
  ] as const) {
    test(`${JSON.stringify(queues)} with ${concurrency ?? 'nothing'} is refused`, () => {
      assert.throws(() => queueOptions(queues, concurrency), UsageError)
    })
  }

  test('a mistyped queue is pointed out with the nearest', () => {
    assert.match(unknownQueue('emial', ['email', 'default']) ?? '', /Did you mean "email"/)
    assert.equal(unknownQueue('email', ['email']), undefined)
  })
})

describe('queues that nobody serves', () => {
  const states = { scheduled: 1, blocked: 0, ready: 2, running: 0, succeeded: 9, failed: 0, cancelled: 0, expired: 0 }
  const idle = { ...states, scheduled: 0, ready: 0 }

  test('jobs that wait where no worker looks are counted', () => {
    const queues = [
      { name: 'default', paused: false, states },
      { name: 'email', paused: false, states },
    ]

    const unserved = unservedQueues(queues, [{ queues: ['email'] }], [])

    assert.deepEqual(unserved, [{ queue: 'default', waiting: 3, tasks: [] }])
    assert.match(
      unservedSentence(unserved[0]!),
      /queue "default": 3 jobs wait there\. Start one: errand worker -Q default/,
    )
  })

  test('a queue where tasks send their jobs counts before the first job', () => {
    const unserved = unservedQueues([], [{ queues: ['email'] }], [{ name: 'welcome', queue: 'default' }])

    assert.deepEqual(unserved, [{ queue: 'default', waiting: 0, tasks: ['welcome'] }])
  })

  test('an old queue with nothing waiting is left in peace', () => {
    assert.deepEqual(unservedQueues([{ name: 'old', paused: false, states: idle }], [], []), [])
  })
})

describe('flags that choose jobs', () => {
  test('they become a query', () => {
    const query = queryOf({ state: ['failed', 'expired'], task: ['email.send'], since: '1h ago', input: 'user.id=7' })

    assert.deepEqual(query, {
      state: ['failed', 'expired'],
      task: ['email.send'],
      since: '1h',
      input: { 'user.id': 7 },
    })
  })

  test('a time is a time', () => {
    assert.deepEqual(queryOf({ since: '2026-10-01T09:00Z' }), { since: new Date('2026-10-01T09:00Z') })
  })

  test('a mistyped state is refused with the nearest', () => {
    assert.throws(() => queryOf({ state: ['faild'] }), /Did you mean "failed"/)
  })

  test('a mistyped time is refused with what it may be', () => {
    assert.throws(
      () => queryOf({ since: 'tomorow' }),
      /--since to be how long ago, such as 30m.*or a time such as 2026-/,
    )
  })

  for (const options of [{ since: '2026-99-99' }, { until: '' }, { input: 'user.id' }, { input: '=7' }]) {
    test(`${JSON.stringify(options)} is refused`, () => {
      assert.throws(() => queryOf(options), UsageError)
    })
  }
})
