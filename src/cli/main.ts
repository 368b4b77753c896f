/** The command line's two ways in: the `errand` program, and an app that runs itself. No logic. */
import type { Errand } from '../errand.ts'
import { loadDotEnv } from './dot-env.ts'
import { runProgram } from './program.ts'

/** Runs one command and gives its exit code. `args` come without the program and its file. */
export async function main(args: readonly string[]): Promise<number> {
  return runProgram(args, { prepare: loadDotEnv })
}

/** The same for an app that is loaded already; `--app` and `.env` are then its own affair. Sets the exit code too. */
export async function runForApp(errand: Errand<any>, args: readonly string[]): Promise<number> {
  const code = await runProgram(args, { app: errand })
  process.exitCode = code

  return code
}
