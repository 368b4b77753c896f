import { existsSync } from 'node:fs'
import { UsageError } from './failures.ts'

let before: NodeJS.ProcessEnv | undefined

/** Settings of the working folder's `.env`. What the environment says already is left as it is. */
export function loadDotEnv(): void {
  before = { ...process.env }
  if (!existsSync('.env')) return
  try {
    process.loadEnvFile('.env')
  } catch (error) {
    throw new UsageError(`Cannot read .env: ${(error as Error).message}. Correct or remove it.`, { cause: error })
  }
}

/** The environment without what `.env` added, for processes that read it again. */
export const environmentBefore = (): NodeJS.ProcessEnv => before ?? process.env
