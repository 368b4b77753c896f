/** Which files make the app, when nobody names one. */
import { existsSync, globSync } from 'node:fs'
import { basename, join } from 'node:path'

export interface AppFiles {
  readonly kind: 'config' | 'file' | 'folder'
  /** Whole paths, in the order they are imported. */
  readonly files: readonly string[]
}

const endings = ['ts', 'mts', 'js', 'mjs']
const configName = 'errand.config'
const isTask = (path: string) => /\.m?[tj]s$/.test(path) && !/\.(d|test|spec)\.m?[tj]s$/.test(path)

/** For messages: what is looked for, in this order. */
export const lookedFor = 'errand.config.ts, tasks.ts, src/tasks/**/*.ts (or .mts, .js, .mjs)'

function firstOf(folder: string, name: string): string | undefined {
  return endings.map((ending) => join(folder, `${name}.${ending}`)).find((path) => existsSync(path))
}

/** The files of a folder of tasks that define any: no tests, no declarations. */
export function taskFiles(folder: string, patterns: readonly string[]): string[] {
  const found = globSync([...patterns], { cwd: folder, exclude: (path) => basename(String(path)) === 'node_modules' })

  return found
    .filter(isTask)
    .toSorted()
    .map((path) => join(folder, path))
}

/** `errand.config.*`, else `tasks.*`, else everything below `src/tasks`. */
export function findApp(folder: string): AppFiles | undefined {
  const config = firstOf(folder, configName)
  if (config) return { kind: 'config', files: [config] }
  const tasks = firstOf(folder, 'tasks')
  if (tasks) return { kind: 'file', files: [tasks] }
  const all = taskFiles(folder, ['src/tasks/**/*'])

  return all.length > 0 ? { kind: 'folder', files: all } : undefined
}

/** A file that was named: treated as a configuration if it is called one. */
export function namedApp(path: string): AppFiles {
  return { kind: basename(path).startsWith(`${configName}.`) ? 'config' : 'file', files: [path] }
}

/** The task files that belong to a configuration which does not list them. */
export function usualTaskFiles(folder: string): string[] {
  const tasks = firstOf(folder, 'tasks')

  return [...(tasks ? [tasks] : []), ...taskFiles(folder, ['src/tasks/**/*'])]
}
