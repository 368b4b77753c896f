/** Why a file of the app could not be imported, and what to do about it. */
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

/** Where a syntax error is, as Node prints it above the error: a path and a line, then that line. */
function placeOf(error: unknown): { at: string; source: string } | undefined {
  if (!(error instanceof SyntaxError)) return undefined
  const [first = '', source = ''] = (error.stack ?? '').split('\n')
  const [, path, line] = /^((?:\/|\w:\\|file:).*):(\d+)$/.exec(first) ?? []
  if (path === undefined) return undefined
  const file = path.startsWith('file:') ? fileURLToPath(path) : path

  return { at: `${relative(process.cwd(), file)}:${line}`, source }
}

function adviceFor(error: unknown, source: string | undefined): string {
  const known = advice[codeOf(error) ?? '']
  if (known) return known
  // A decorator is neither stripped nor told apart by Node: it ends up as a plain syntax error.
  if (source !== undefined && /(?:^|\s)@\w/.test(source)) return cannotStrip

  return 'Run this with --verbose to see where.'
}

export function explainImport(file: string, error: unknown): AppError {
  const message = error instanceof Error ? error.message.split('\n', 1)[0]! : String(error)
  const place = placeOf(error)
  const said = /[.!?]$/.test(message) ? message : `${message}.`
  const where = place === undefined ? file : place.at.startsWith(`${file}:`) ? place.at : `${file} (at ${place.at})`

  return new AppError(`Cannot import ${where}: ${said} ${adviceFor(error, place?.source)}`, { cause: error })
}
