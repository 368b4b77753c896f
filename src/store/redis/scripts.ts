/**
 * The Lua scripts, put together from their parts.
 *
 * The first line tells Redis 7 how to treat a script when memory is full: what only adds is refused before it has
 * written anything; what ends, frees or looks goes on.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Script } from './connection/connection.ts'

const base = ['clock', 'lists', 'wake']
const engine = [...base, 'jobs', 'news', 'lines', 'limits', 'ends', 'waiters', 'insert']
const living = [...engine, 'lives']

/** Common parts of each script, in their order; `adds`: refused when memory is full. */
const parts = {
  'insert-plain': { common: base, adds: true },
  insert: { common: engine, adds: true },
  join: { common: living, adds: false },
  turn: { common: [...living, 'settle', 'claims'], adds: false },
  resync: { common: [...living, 'claims'], adds: false },
  leave: { common: living, adds: false },
  park: { common: base, adds: false },
  report: { common: living, adds: false },
  change: { common: engine, adds: false },
  cancel: { common: living, adds: false },
  retry: { common: engine, adds: false },
  remove: { common: engine, adds: false },
  release: { common: engine, adds: false },
  upkeep: { common: [...living, 'prune'], adds: false },
  look: { common: living, adds: false },
  manage: { common: living, adds: false },
  schedules: { common: engine, adds: false },
  'schedules-fire': { common: engine, adds: true, source: 'schedules' },
} as const satisfies Record<string, { common: readonly string[]; adds: boolean; source?: string }>

export type ScriptName = keyof typeof parts

const made = new Map<ScriptName, Script>()

export function script(name: ScriptName): Script {
  const known = made.get(name)
  if (known) return known

  const { common, adds, ...rest } = parts[name]
  const files = [...common.map((part) => `common-${part}`), 'source' in rest ? rest.source : name]
  const first = adds ? '#!lua' : '#!lua flags=allow-oom'
  const source = [first, ...files.map(read)].join('\n')
  const script = { name, source, sha1: createHash('sha1').update(source).digest('hex') }
  made.set(name, script)
  return script
}

function read(name: string): string {
  return readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8')
}
