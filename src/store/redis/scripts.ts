/**
 * The Lua scripts, put together from their parts.
 *
 * The first line tells Redis 7 how to treat a script when memory is full: what only adds is refused before it has
 * written anything; what ends, frees or looks goes on.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Script } from './connection/connection.ts'

/**
 * The form in which these scripts keep all, and the oldest whose processes may work beside them: docs/design/schema-versions.md.
 * Keys and records change with them and with nothing else.
 */
const layout = 1
const oldest = 1

/** Parts that stand alone, in their order. */
const base = ['clock', 'lists', 'wake']
const telling = [...base, 'drawers', 'events']
const counting = [...telling, 'counts', 'rates', 'lanes', 'due', 'steps']
/** Parts of the engine: all that a job which is not plain may need. Making it costs more than a small turn, so a turn makes it late. */
const engine = [
  'jobs',
  'step-jobs',
  'news',
  'lines',
  'groups',
  'limits',
  'keys',
  'ends',
  'waiters',
  'cascades',
  'insert',
]
const living = [...engine, 'lives']
const commanding = [...engine, 'commands']

interface Parts {
  readonly base: readonly string[]
  readonly engine: readonly string[]
  /** It only adds: refused, before it has written anything, when memory is full. */
  readonly adds?: true
  /** It may be the first that writes into a store. What adds is one. */
  readonly makes?: true
  /** Makes the engine itself, if it needs it. */
  readonly late?: true
  readonly source?: string
}

export type ScriptName =
  | 'insert-plain'
  | 'insert'
  | 'join'
  | 'turn'
  | 'resync'
  | 'leave'
  | 'park'
  | 'report'
  | 'change'
  | 'cancel'
  | 'retry'
  | 'remove'
  | 'release'
  | 'upkeep'
  | 'look'
  | 'manage'
  | 'schedules'
  | 'schedules-fire'
  | 'moving'
  | 'moving-take'
  | 'moving-place'
  | 'moving-schedules'

const parts: Readonly<Record<ScriptName, Parts>> = {
  'insert-plain': { base: telling, engine: [], adds: true },
  insert: { base: counting, engine, adds: true },
  join: { base: counting, engine: living, makes: true },
  turn: { base: [...counting, 'rooms'], engine: [...living, 'settle', 'handover', 'claims'], late: true },
  resync: { base: counting, engine: [...living, 'handover'] },
  leave: { base: counting, engine: living },
  park: { base, engine: [] },
  report: { base: counting, engine: living },
  change: { base: counting, engine: commanding },
  cancel: { base: counting, engine: [...commanding, 'lives'] },
  retry: { base: counting, engine: commanding },
  remove: { base: [...counting, 'gone'], engine: commanding },
  release: { base: counting, engine: commanding },
  upkeep: { base: [...counting, 'gone'], engine: [...living, 'departed', 'order', 'prune'] },
  look: { base: [...counting, 'gone'], engine: [...living, 'order'] },
  manage: { base: counting, engine: living, makes: true },
  schedules: { base: counting, engine },
  'schedules-fire': { base: counting, engine, adds: true, source: 'schedules' },
  moving: { base: counting, engine: [...engine, 'departed', 'leaving'] },
  'moving-take': { base: counting, engine: [...engine, 'departed', 'leaving', 'order'] },
  'moving-place': { base: counting, engine: [...engine, 'departed'], adds: true },
  'moving-schedules': { base, engine: [] },
}

const made = new Map<ScriptName, Script>()

export function script(name: ScriptName): Script {
  const known = made.get(name)
  if (known) return known

  const { base, engine, adds, makes = adds, late, source = name } = parts[name]
  const [clock, ...others] = base.map(common)
  // What all use stands outside: there Lua has it at hand, where it would look among all that stands beside it, for each
  // function that uses it.
  const form = `local layout, form, makes = ${layout}, '${layout} ${oldest}', ${makes === true}`
  const lines = [adds ? '#!lua' : '#!lua flags=allow-oom', clock!, form, common('layout')]
  lines.push('return (function()', 'local E, engine', ...others)
  if (engine.length > 0) {
    lines.push(
      'engine = function(spareId)',
      'if E then return end',
      'E = { spareId = spareId }',
      ...engine.map(common),
      'end',
    )
    if (!late) lines.push('engine()')
  }
  const text = withoutComments([...lines, read(source), 'end)()'].join('\n'))
  const script = { name, source: text, sha1: createHash('sha1').update(text).digest('hex') }
  made.set(name, script)
  return script
}

/** The server keeps the text of each script, and every process sends it once. */
function withoutComments(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('--'))
    .join('\n')
}

const common = (part: string) => read(`common-${part}`)

function read(name: string): string {
  return readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8')
}
