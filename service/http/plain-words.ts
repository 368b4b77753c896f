/** What does not fit, in plain words: the validator's own speak of inputs and undefined. */
import { z } from 'zod'

type Issue = Parameters<z.core.$ZodErrorMap>[0]

const kinds: Readonly<Record<string, string>> = {
  string: 'must be a text',
  number: 'must be a number',
  int: 'must be a whole number',
  boolean: 'must be true or false',
  object: 'must be an object',
  record: 'must be an object',
  array: 'must be a list',
}

/** What a schema says for itself goes before these; what is not here stays as the validator puts it. */
export function plainWords(issue: Issue): string | undefined {
  if (issue.input === undefined && (issue.code === 'invalid_type' || issue.code === 'invalid_value'))
    return 'is required'
  if (issue.code === 'invalid_type') return kinds[issue.expected]
  if (issue.code === 'invalid_value') return choice(issue.values.map(String))
  if (issue.code === 'too_small') return least(issue.origin, Number(issue.minimum))
  if (issue.code === 'too_big') return most(issue.origin, Number(issue.maximum))

  return undefined
}

const choice = (values: readonly string[]) =>
  values.length === 1 ? `must be ${values[0]}` : `must be one of ${values.join(', ')}`

function least(origin: string, minimum: number): string {
  if (origin !== 'string') return `must be at least ${minimum}`

  return minimum === 1 ? 'must not be empty' : `must have at least ${minimum} characters`
}

function most(origin: string, maximum: number): string {
  return origin === 'string' ? `must have at most ${maximum} characters` : `must be at most ${maximum}`
}
