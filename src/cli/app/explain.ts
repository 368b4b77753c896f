/** Why a file of the app could not be imported, and what to do about it. */
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError, codeOf } from '../failures.ts'

const cannotStrip =
  'It uses TypeScript that is more than types (enum, namespace, parameter properties, decorators), which Node cannot run as it is. ' +
  'Write it without (an enum as a constant object), or compile it first and name the JavaScript with --app.'

const advice: Readonly<Record<string, string>> = {
  ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX: cannotStrip,
  ERR_INVALID_TYPESCRIPT_SYNTAX: 'It is not valid TypeScript.',
  ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING:
    'Node runs no TypeScript below node_modules. Publish that package as JavaScript, or move the file out.',
  ERR_MODULE_NOT_FOUND:
    "Node wants the whole name of a file, with its ending: './mail.ts', not './mail'. A package must be installed first.",
  ERR_UNKNOWN_FILE_EXTENSION: 'The app must be a .ts, .mts, .js or .mjs file.',
}

/** `file:line` of a syntax error, where Node prints a path and a line above it. */
function placeOf(error: unknown): string | undefined {
  if (!(error instanceof SyntaxError)) return undefined
  const [, path, line] = /^((?:\/|\w:\\|file:).*):(\d+)$/m.exec((error.stack ?? '').split('\n', 1)[0]!) ?? []
  if (path === undefined) return undefined

  return `${relative(process.cwd(), path.startsWith('file:') ? fileURLToPath(path) : path)}:${line}`
}

function adviceFor(file: string, error: unknown): string {
  const known = advice[codeOf(error) ?? '']
  if (known) return known
  if (!(error instanceof SyntaxError)) return 'Run this with --verbose to see where.'

  // A decorator is neither stripped nor told apart by Node: it ends up as a plain syntax error, without a line.
  return hasDecorator(file) ? cannotStrip : `Run node ${file} to see the line.`
}

function hasDecorator(file: string): boolean {
  return /^[^'"`/*]*(?:^|\s)@[a-z_$][\w$.]*(?:\(|\s)/im.test(readFileSync(file, 'utf8'))
}

export function explainImport(file: string, error: unknown): AppError {
  const message = error instanceof Error ? error.message.split('\n', 1)[0]! : String(error)
  const place = placeOf(error)
  const said = /[.!?]$/.test(message) ? message : `${message}.`
  const where = place === undefined ? file : place.startsWith(`${file}:`) ? place : `${file} (at ${place})`

  return new AppError(`Cannot import ${where}: ${said} ${adviceFor(file, error)}`, { cause: error })
}
