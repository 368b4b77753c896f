/** Runs commands of this repository side by side and prints the output of those that fail. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Tally } from './run-tests.ts'

export interface Command {
  name: string
  /** The program, from `node_modules/.bin` or the PATH, and its arguments. */
  run: readonly [string, ...string[]]
  /** Without this file or folder the command is skipped, and the reason printed. */
  needs?: string
}

const root = join(import.meta.dirname, '..')
const env = {
  ...process.env,
  NO_COLOR: '1',
  PATH: [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
}

/** Each command counts as one. */
export async function runCommands(commands: readonly Command[]): Promise<Tally> {
  const missing = commands.filter(({ needs }) => needs !== undefined && !existsSync(join(root, needs)))
  const results = await Promise.all(commands.filter((command) => !missing.includes(command)).map(runCommand))

  return {
    passed: results.filter(({ passed }) => passed).length,
    failures: results.filter(({ passed }) => !passed).map(({ name }) => name),
    skipped: missing.map(({ name, needs }) => `${name}: ${needs} is not there`),
  }
}

async function runCommand({ name, run: [program, ...args] }: Command): Promise<{ name: string; passed: boolean }> {
  const startedAt = performance.now()
  const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const exit = new Promise<boolean>((resolve) =>
    child.on('error', () => resolve(false)).on('close', (code) => resolve(code === 0)),
  )

  const [passed, out, err] = await Promise.all([exit, text(child.stdout), text(child.stderr)])

  console.log(`${passed ? 'ok  ' : 'FAIL'} ${name} (${Math.round(performance.now() - startedAt)} ms)`)
  if (!passed) console.log(`${out}${err}`.replaceAll(/^(?=.)/gm, '  '))

  return { name, passed }
}
