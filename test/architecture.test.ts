/**
 * The import arrows of ARCHITECTURE.md, read from the imports themselves.
 *
 * To change the architecture, change the tables below and the page together.
 */
import assert from 'node:assert/strict'
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')

/** Plain values and functions, one file each. */
const ground = [
  'codec',
  'compare',
  'duration',
  'env',
  'errors',
  'id',
  'job',
  'nearest',
  'options',
  'outcome',
  'redact',
  'retry',
  'stretch',
]

/** What people write, and the rules that need neither store nor clock. */
const written = [...ground, 'task', 'schedule/cron', 'workflow/graph']

/** What runs, and in `runtime.ts` what all of it is handed. */
const runtime = ['client', 'events', 'move', 'runtime', 'schedule', 'upkeep', 'worker', 'workflow']
const engines = ['store/memory', 'store/sqlite', 'store/redis', 'store/postgres']

/** The ways in. They may import everything, and nobody below may import them. */
const doors = ['errand', 'errand-options', 'defining', 'store-choice', 'index', 'cli', 'testing', 'store/open']

/** What each part of src/ may import, besides itself. The longest name that fits a file is its part. */
const allowed: Record<string, readonly string[]> = {
  ...each(ground, ground),
  ...each(['task', 'schedule/cron', 'workflow/graph'], written),
  store: ground,
  ...each(engines, [...ground, 'store']),
  ...each(runtime, [...written, 'store', ...runtime]),
  ...each(doors, [...written, 'store', ...engines, ...runtime, ...doors]),
}

/** What a part may know the shape of without ever loading it: `import type` is gone at run time. */
const allowedAsTypes: Record<string, readonly string[]> = {
  // A task is enqueued, so its type speaks of handles and of what a store answers.
  task: ['client', 'store'],
}

/** The packages that src/ loads, and who alone may. Everybody may load Node's own modules. */
const packages: Record<string, readonly string[]> = {
  commander: ['cli'],
  croner: ['schedule/cron'],
  ioredis: ['store/redis'],
  pg: ['store/postgres'],
}

/** Where real time and chance come from, and the one door that is a process of its own. */
const mayTouchTheWorld = ['env', 'cli']
const worldly =
  /\b(?:Date\.now|new Date\(\)|performance\.|hrtime|Math\.random|random(?:UUID|Bytes|Int)|getRandomValues|set(?:Timeout|Interval|Immediate)\(|AbortSignal\.timeout|node:timers)/g

function each(parts: readonly string[], others: readonly string[]): Record<string, readonly string[]> {
  return Object.fromEntries(parts.map((part) => [part, others]))
}

/** Paths below src/ without their ending: `store/sqlite/turn`. */
const sources = globSync('**/*.ts', { cwd: join(root, 'src') }).map((file) => file.replace(/\.ts$/, ''))

function within(name: string, part: string): boolean {
  return name === part || name.startsWith(`${part}/`)
}

function partOf(name: string): string | undefined {
  return Object.keys(allowed)
    .filter((part) => within(name, part))
    .toSorted((a, b) => b.length - a.length)[0]
}

interface Import {
  from: string
  /** A path like those of `sources`, or a package's name. */
  to: string
  package: boolean
  type: boolean
}

const importing = /^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm

function importsOf(folder: string, name: string): Import[] {
  const text = readFileSync(join(root, folder, `${name}.ts`), 'utf8')

  return [...text.matchAll(importing)].map(([, type, stated, dynamic]) => {
    const to = (stated ?? dynamic)!
    const local = to.startsWith('.')

    return {
      from: name,
      to: local ? join(dirname(name), to).replace(/\.ts$/, '') : to,
      package: !local,
      type: type !== undefined,
    }
  })
}

const imports = sources.flatMap((name) => importsOf('src', name))
function isStray({ from, to, type }: Import): boolean {
  const [part = '', other = ''] = [partOf(from), partOf(to)]
  const may = [part, ...(allowed[part] ?? []), ...(type ? (allowedAsTypes[part] ?? []) : [])]

  return !may.includes(other)
}

const arrow = ({ from, to }: Import) => `${from} -> ${to}`

test('every file of src belongs to a part of the architecture', () => {
  assert.deepEqual(
    sources.filter((name) => partOf(name) === undefined),
    [],
  )
})

test('every part of the architecture is there', () => {
  const parts = [...Object.keys(allowed), ...Object.keys(packages), ...mayTouchTheWorld]
  const places = sources.concat(Object.keys(packages))

  assert.deepEqual(
    parts.filter((part) => !places.some((place) => within(place, part))),
    [],
  )
})

test('the map of ARCHITECTURE.md names what stands in src', () => {
  const [, map = ''] =
    /^## The map\n+```\n([^]*?)^```$/m.exec(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')) ?? []
  const [ours = ''] = map.split(/^\S+\/ /m)
  const names = [...ours.matchAll(/^ {2}(\S+(?: \S+(?:\.ts|\/))*)/gm)].flatMap(([, cell]) => cell!.split(' '))
  const there = readdirSync(join(root, 'src'), { withFileTypes: true }).map((each) =>
    each.isDirectory() ? `${each.name}/` : each.name,
  )

  assert.deepEqual(names.toSorted(), there.toSorted())
})

test('imports follow the arrows in ARCHITECTURE.md', () => {
  const ours = imports.filter((each) => !each.package)

  assert.ok(ours.length >= sources.length / 2, `only ${ours.length} imports were found`)
  assert.deepEqual(ours.filter(isStray).map(arrow), [])
})

test('only the door that opens stores knows the engines', () => {
  const knowing = imports.filter(({ from, to }) =>
    engines.some((engine) => within(to, engine) && !within(from, engine)),
  )

  const mayKnow = ['store/open', 'testing']
  assert.deepEqual(knowing.filter(({ from }) => !mayKnow.some((part) => within(from, part))).map(arrow), [])
})

test('src loads no package but those named here', () => {
  const foreign = imports.filter((each) => each.package && !each.type && !each.to.startsWith('node:'))

  const strays = foreign.filter(({ from, to }) => !packages[to]?.some((part) => within(from, part)))
  assert.deepEqual(strays.map(arrow), [])
})

test('time and chance are passed in: only env reads them', () => {
  const touching = sources
    .filter((name) => !mayTouchTheWorld.some((part) => within(name, part)))
    .flatMap((name) => worldlyWords(name).map((word) => `${name}: ${word}`))

  assert.deepEqual(touching, [])
  assert.ok(worldlyWords('env').length > 0, 'the words are not even found in env')
})

function worldlyWords(name: string): string[] {
  const text = readFileSync(join(root, 'src', `${name}.ts`), 'utf8')
  const code = text.replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '')

  return code.match(worldly) ?? []
}

test('the service is a user like any other: it reaches Errand through its public exports', () => {
  const files = globSync('**/*.ts', { cwd: join(root, 'service'), exclude: ['test/**', 'node_modules/**'] })
  const all = files.flatMap((file) => importsOf('service', file.replace(/\.ts$/, '')))

  assert.deepEqual(all.filter(({ to }) => to.startsWith('..')).map(arrow), [])
})
