/** Imports the files of the app, and says in plain words why one cannot be. */
import { existsSync, statSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Errand } from '../../errand.ts'
import { shown } from '../../errors/error.ts'
import { nearest } from '../../nearest.ts'
import { AppError } from '../failures.ts'
import { chooseApp, type LoadedModule } from './choose.ts'
import { explainImport } from './explain.ts'
import { findApp, lookedFor, namedApp, taskFiles, usualTaskFiles, type AppFiles } from './find.ts'

export interface LoadedApp {
  readonly errand: Errand<any>
  /** The files that were imported by name, as whole paths. */
  readonly files: readonly string[]
}

/** @throws AppError */
export async function loadApp(folder: string, named: string | undefined): Promise<LoadedApp> {
  const found = named === undefined ? findApp(folder) : namedApp(existing(folder, named))
  if (!found) {
    throw new AppError(
      `There is no app in ${folder}. Looked for, in this order: ${lookedFor}. Name the file that exports yours with --app.`,
    )
  }
  const modules = await importAll(folder, found.files)
  const more = found.kind === 'config' ? await importAll(folder, restOf(found, modules[0]!)) : []

  return { errand: chooseApp([...modules, ...more]), files: [...found.files, ...more.map(({ path }) => path)] }
}

function existing(folder: string, named: string): string {
  const path = resolve(folder, named)
  if (existsSync(path) && statSync(path).isFile()) return path
  const near = nearest(
    relative(folder, path),
    taskFiles(folder, ['*', 'src/*']).map((file) => relative(folder, file)),
  )

  throw new AppError(
    `There is no file ${shown(named)} in ${folder}.${near ? ` Did you mean "${near}"?` : ''} Name the file that exports your app.`,
  )
}

/** What a configuration lists in its export `tasks`, or the usual places. */
function restOf({ files: [config] }: AppFiles, { exports }: LoadedModule): string[] {
  const folder = dirname(config!)
  const { tasks } = exports
  if (typeof tasks !== 'string' && !isTexts(tasks)) return usualTaskFiles(folder)
  const patterns = typeof tasks === 'string' ? [tasks] : tasks
  const found = taskFiles(folder, patterns)
  if (found.length > 0) return found

  throw new AppError(
    `No file fits \`tasks\` of ${relative(process.cwd(), config!)}: ${patterns.join(', ')}. Patterns are relative to it.`,
  )
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string')

async function importAll(folder: string, files: readonly string[]): Promise<(LoadedModule & { path: string })[]> {
  const modules: (LoadedModule & { path: string })[] = []

  // One after the other, so that an error names the file it comes from.
  for (const path of files) {
    const name = relative(folder, path)
    try {
      modules.push({ name, path, exports: await import(pathToFileURL(path).href) })
    } catch (error) {
      throw explainImport(name, error)
    }
  }
  return modules
}
