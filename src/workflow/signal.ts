/** A signal that says what is sent with it, so that those who wait for it and those who send it agree. */
import { InvalidInputError } from '../errors.ts'
import { checkName } from '../options.ts'
import { checkSchema } from '../task/definition.ts'
import { plainIssues, type InputOf, type OutputOf, type StandardSchema } from '../task/schema.ts'
import type { Fits, Kept, Stored } from '../task/stored.ts'

/** `Sent` is what its sender gives, `Result` what later steps get. Made by `defineSignal`. */
export interface DefinedSignal<Sent, Result> {
  readonly name: string
  readonly '~schema'?: StandardSchema | undefined
  /** For the types only. */
  readonly '~sent'?: (value: Sent) => void
  /** For the types only. */
  readonly '~result'?: () => Result
}

/**
 * Defines a signal, for `w.waitFor(approved)` and `flow.signal(approved, value)`. With a schema the value is checked where it is
 * sent, and later steps get what the schema makes of it; `defineSignal<Decision>('approved')` is checked by the compiler alone.
 *
 * @throws InvalidOptionError
 */
export function defineSignal<T = void>(name: string, ...check: Kept<T>): DefinedSignal<T, Stored<T>>
export function defineSignal<S extends StandardSchema<any, any>>(
  name: string,
  schema: S & Fits<Kept<OutputOf<S>>>,
): DefinedSignal<InputOf<S>, Stored<OutputOf<S>>>
export function defineSignal(name: string, schema?: StandardSchema): DefinedSignal<any, any> {
  checkName(name, 'the name of a signal', 'approved')
  checkSchema(schema, `the schema of the signal "${name}"`)

  return { name, '~schema': schema }
}

/** A plain name says nothing of its value. */
export const signalOf = (signal: DefinedSignal<never, unknown> | string): DefinedSignal<never, unknown> =>
  typeof signal === 'object' && signal !== null ? signal : { name: signal }

/** What the schema makes of a value that is sent, which nobody parses later. @throws InvalidInputError */
export async function parseSent(name: string, schema: StandardSchema, value: unknown): Promise<unknown> {
  const result = await schema['~standard'].validate(value)
  if (result.issues) throw new InvalidInputError(name, plainIssues(result.issues), `value of the signal "${name}"`)

  return result.value
}
