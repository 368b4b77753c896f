/** The reference of the library, docs/reference/library.md, held against the types it speaks of. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { Errand, errandDefaults, retryDefaults, taskDefaults, workerDefaults } from '../src/index.ts'
import { started } from './worker/worker-support.ts'

const root = join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const page = read('docs/reference/library.md')

/** The names in the first column of the table below a heading. */
function listed(heading: string): string[] {
  const [, section] = page.split(new RegExp(`^#+ ${RegExp.escape(heading)}$`, 'm'))
  assert.ok(section !== undefined, `docs/reference/library.md has no heading "${heading}"`)
  const rows = [...section.split(/^#/m)[0]!.matchAll(/^\| (`.*?) \|/gm)].map(([, cell]) => cell!)

  return rows.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)).toSorted()
}

/** The fields of an interface, as its file has them. */
function fieldsOf(file: string, name: string): string[] {
  const [, body] = new RegExp(`^(?:export )?interface ${name}\\b[^{]*\\{\\n([^]*?)^\\}`, 'm').exec(read(file)) ?? []
  assert.ok(body !== undefined, `${file} has no interface ${name}`)

  return [...body.matchAll(/^ {2}(?:readonly )?'?([a-zA-Z][a-zA-Z ]*)'?\??[:(<]/gm)].map(([, field]) => field!)
}

/** What the row of an option says in its second column. */
function defaultOf(heading: string, option: string): string {
  const section = page.split(`### \`${heading}\`\n`)[1]!.split(/^#/m)[0]!
  const row = section.split('\n').find((line) => line.split('|')[1]?.includes(`\`${option}\``))

  return row?.split('|')[2] ?? ''
}

/** As people write it: with `_` between thousands, and texts in single quotes. */
function written(value: unknown): string {
  if (typeof value === 'number') return value.toLocaleString('en').replaceAll(',', '_')

  return inspect(value)
}

const told: [heading: string, fields: string[]][] = [
  ['`ErrandOptions`', fieldsOf('src/errand-options.ts', 'ErrandOptions')],
  [
    '`TaskOptions`',
    [
      'input',
      'output',
      ...fieldsOf('src/task/task.ts', 'CommonTaskOptions'),
      ...fieldsOf('src/task/task.ts', 'Limited'),
    ],
  ],
  ['`RetryOptions`', fieldsOf('src/retry.ts', 'RetryOptions')],
  ['`BatchOptions`', fieldsOf('src/task/batch.ts', 'BatchOptions')],
  ['`EnqueueOptions`', fieldsOf('src/client/enqueue-options.ts', 'EnqueueOptions')],
  ['`UniqueOptions`', fieldsOf('src/client/enqueue-options.ts', 'UniqueOptions')],
  ["A job's handle", fieldsOf('src/client/handle.ts', 'JobHandle')],
  ["A handler's context", fieldsOf('src/task/context.ts', 'JobContext')],
  ['`WorkerOptions`', fieldsOf('src/worker/options.ts', 'WorkerOptions')],
  ['`ScheduleOptions`', fieldsOf('src/schedule/rule.ts', 'ScheduleOptions')],
  ['`Events`', fieldsOf('src/events/events.ts', 'Events')],
]

for (const [heading, fields] of told) {
  test(`the reference lists all there is of ${heading.replaceAll('`', '')}, and nothing else`, () => {
    assert.ok(fields.length > 0)
    assert.deepEqual(listed(heading), [...new Set(fields)].toSorted())
  })
}

test('the reference lists all that an app can do, and nothing else', (t) => {
  const { errand } = started(t)
  const inherited = [Errand.prototype, Object.getPrototypeOf(Errand.prototype) as object]
  const members = [...inherited.flatMap((each) => Object.getOwnPropertyNames(each)), ...Object.keys(errand)]

  assert.deepEqual(listed('`Errand`'), [...new Set(members)].filter((name) => name !== 'constructor').toSorted())
})

const defaults = {
  ErrandOptions: errandDefaults,
  TaskOptions: taskDefaults,
  RetryOptions: retryDefaults,
  WorkerOptions: workerDefaults,
}

test('the reference gives the defaults that hold', () => {
  const wrong = Object.entries(defaults).flatMap(([heading, values]) =>
    Object.entries(values)
      .filter(([option, value]) => !defaultOf(heading, option).includes(written(value)))
      .map(([option, value]) => `${heading}.${option}: ${written(value)}`),
  )

  assert.deepEqual(wrong, [])
})
