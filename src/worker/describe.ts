/** An error as it is kept with a job. */
import type { JobError } from '../job.ts'

/** Whoever throws a whole document gets its beginning. */
const longestText = 20_000
const mostCauses = 5

/** Plain, of bounded size, and masked where the task redacts. */
export function describe(thrown: unknown, mask: (text: string) => string): JobError {
  // Masked before it is cut, lest half a secret be left at the end.
  const kept = (text: string) => mask(text).slice(0, longestText)
  if (!(thrown instanceof Error)) return { name: 'Error', message: kept(textOf(thrown)) }
  const code = (thrown as { code?: unknown }).code

  return {
    name: String(thrown.name),
    message: kept(String(thrown.message)),
    ...(typeof code === 'string' && { code }),
    ...(thrown.stack && { stack: kept(withCauses(thrown, 0)) }),
  }
}

function textOf(thrown: unknown): string {
  try {
    return typeof thrown === 'string' ? thrown : (JSON.stringify(thrown) ?? typeof thrown)
  } catch {
    return 'Something was thrown that has no text.'
  }
}

function withCauses(error: Error, depth: number): string {
  const { cause } = error
  const more = cause instanceof Error && depth < mostCauses ? `\ncaused by ${withCauses(cause, depth + 1)}` : ''

  return `${error.stack ?? error.message}${more}`
}
