import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { jsonCodec } from '../src/codec.ts'

const refused = (value: unknown) => {
  try {
    jsonCodec.encode(value, 'the input')
  } catch (error) {
    return (error as Error).message.replace(/, and stored.*$/, '')
  }
  return undefined
}

test('plain JSON comes back as it went in', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      assert.deepEqual(jsonCodec.decode(jsonCodec.encode(value, 'it')), JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('a Date becomes its ISO string, and an undefined property is left out', () => {
  const text = jsonCodec.encode({ at: new Date(0), gone: undefined }, 'the input')

  assert.equal(text, '{"at":"1970-01-01T00:00:00.000Z"}')
})

test('a value that JSON would change in silence is refused with its path', () => {
  class Account {}
  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = cyclic

  assert.deepEqual(
    [
      { a: { b: [1, Number.NaN] } },
      { n: 10n },
      { f: () => 1 },
      { m: new Map() },
      { s: new Set() },
      { c: new Account() },
      { d: new Date(Number.NaN) },
      [1, undefined],
      Symbol('x'),
    ].map(refused),
    [
      'Cannot store the input.a.b[1]: it is NaN',
      'Cannot store the input.n: it is a bigint',
      'Cannot store the input.f: it is a function',
      'Cannot store the input.m: it is an instance of Map',
      'Cannot store the input.s: it is an instance of Set',
      'Cannot store the input.c: it is an instance of Account',
      'Cannot store the input.d: it is an invalid Date',
      'Cannot store the input[1]: it is undefined, which would become null',
      'Cannot store the input: it is a symbol',
    ],
  )
  assert.match(refused(cyclic) ?? '', /refers to itself$/)
})

test('of a long path the message shows both ends', () => {
  const cyclic: Record<string, unknown> = {}
  cyclic['c'] = cyclic
  const cyclicArray: unknown[] = []
  cyclicArray.push(cyclicArray)
  const twelve = JSON.parse(`${'{"a":'.repeat(11)}{}${'}'.repeat(11)}`, (_, value) =>
    Object.keys(value).length === 0 ? Number.NaN : value,
  )

  assert.deepEqual(
    [{ tree: [cyclic] }, cyclicArray, twelve].map((value) => refused(value)?.replace(/: it is.*/, '')),
    [
      'Cannot store the input.tree[0].c.….c.c.c.c',
      'Cannot store the input[0][0][0].….[0][0][0][0]',
      `Cannot store the input${'.a'.repeat(11)}`,
    ],
  )
})

test('a key named __proto__ is data and reaches no prototype', () => {
  const decoded = jsonCodec.decode('{"__proto__":{"admin":true}}') as object

  assert.equal(({} as { admin?: boolean }).admin, undefined)
  assert.deepEqual(Object.keys(decoded), ['__proto__'])
})
