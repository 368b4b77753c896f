/** Bodies that should be JSON: what is wrong with one, in the parser's words, which name the place. */
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { Problem } from './problem.ts'

/** @throws Problem that says where the text stops being JSON. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw new Problem('bad-request', `The body is not valid JSON: ${(error as Error).message}`, { cause: error })
  }
}

/** The router only says that a body is malformed; what it had read is still there to be looked at. */
export async function jsonFault(error: unknown, c: Context): Promise<Problem | undefined> {
  if (!(error instanceof HTTPException) || error.status !== 400) return undefined
  if (!/^application\/([\w.-]+\+)?json\b/i.test(c.req.header('Content-Type') ?? '')) return undefined
  try {
    parsedJson(await c.req.text())
  } catch (fault) {
    if (fault instanceof Problem) return fault
  }

  return undefined
}
