import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { block, oneLine, safeJson } from '../../src/cli/output/plain-text.ts'
import { tableLines } from '../../src/cli/output/table.ts'
import { length, relative } from '../../src/cli/output/times.ts'

/** What a hostile input may try: colours, cursor moves, a forged line, a link, a bell, C1 controls, reversed text. */
const hostile = [
  '\u001b[31mred\u001b[0m',
  '\u001b[2Aup',
  'one\nforged',
  'over\rwrite',
  '\u001b]8;;https://evil.example\u0007link\u001b]8;;\u0007',
  '\u001b]52;c;aGVsbG8=\u0007clipboard',
  'bell\u0007',
  '\u009b31mC1',
  '\u202egnp.exe',
  'half \u001b',
  'line\u2028separator',
]
const obeyed = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/

describe('text from a store', () => {
  test('escape sequences and control characters are shown and not obeyed', () => {
    for (const text of hostile) {
      assert.doesNotMatch(oneLine(text), obeyed, JSON.stringify(text))
      assert.doesNotMatch(oneLine(text), /\n/, JSON.stringify(text))
      assert.doesNotMatch(block(text), obeyed, JSON.stringify(text))
      assert.doesNotMatch(safeJson({ text }), obeyed, JSON.stringify(text))
    }
  })

  test('they come back whole from JSON', () => {
    for (const text of hostile) assert.deepEqual(JSON.parse(safeJson({ text }, 2)), { text })
  })

  test('plain text stays as it is, in whatever script', () => {
    for (const text of ['Grüße', '日本語', 'שלום', '👩‍👩‍👧 ok']) assert.equal(oneLine(text), text)
  })

  test('each line of a block is indented, so that none passes for ours', () => {
    assert.equal(block('a\nerror: b'), '  a\n  error: b')
  })
})

describe('a table', () => {
  const rows = [
    { name: 'first', size: 7, note: 'a rather long remark about it' },
    { name: '日本', size: 123, note: 'short' },
  ]
  const columns = [
    { title: 'name', value: (row: (typeof rows)[0]) => row.name },
    { title: 'size', value: (row: (typeof rows)[0]) => row.size },
    { title: 'note', value: (row: (typeof rows)[0]) => row.note, flexible: true },
  ]
  const plain = (width?: number) => tableLines(rows, columns, width).map((line) => stripVTControlCharacters(line))

  test('an id of hundreds of characters is shown whole, and widens no other row', () => {
    const long = 'x'.repeat(200)
    const lines = tableLines(
      [{ id: 'short' }, { id: long }],
      [
        { title: 'id', value: ({ id }) => id },
        { title: 'state', value: () => 'ready' },
      ],
      80,
    )

    assert.deepEqual(
      lines.map((line) => stripVTControlCharacters(line)),
      ['id     state', 'short  ready', `${long}  ready`],
    )
  })

  test('columns are aligned, numbers to the right, wide characters counted twice', () => {
    assert.deepEqual(plain(), ['name   size  note', 'first     7  a rather long remark about it', '日本    123  short'])
  })

  test('a narrow terminal cuts the columns that may be cut', () => {
    assert.deepEqual(plain(25), ['name   size  note', 'first     7  a rather lo…', '日本    123  short'])
  })

  test('a value on several lines stays in its cell', () => {
    const [, line] = tableLines([{ ...rows[0]!, name: 'a\nb' }], columns)

    assert.match(line!, /a\\nb/)
  })
})

describe('lengths of time', () => {
  const cases: [number, string][] = [
    [12, '12 ms'],
    [999.6, '1 s'],
    [1230, '1.2 s'],
    [65_000, '1 m 5 s'],
    [3_600_000, '1 h'],
    [187_200_000, '2 d 4 h'],
  ]
  for (const [ms, text] of cases) {
    test(`${ms} ms reads as ${text}`, () => {
      assert.equal(length(ms), text)
    })
  }

  test('a moment is so long ago, or in so long', () => {
    assert.equal(relative(new Date(0), 5000), '5 s ago')
    assert.equal(relative(new Date(5000), 0), 'in 5 s')
    assert.equal(relative(new Date(8.64e15), 0), 'in 100000000 d')
    assert.equal(relative(new Date(Number.NaN), 0), 'at an unreadable time')
  })
})
