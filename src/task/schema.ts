/** Standard Schema, version 1 (https://standardschema.dev): what zod, valibot, arktype and others offer alike. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

export type InputOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>['input']
export type OutputOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output']

/** A schema that checks nothing, for those who have no schema library: `input: shape<{ to: string }>()`. */
export function shape<T>(): StandardSchema<T, T> {
  return { '~standard': { version: 1, vendor: 'errand', validate: (value) => ({ value: value as T }) } }
}

/** Issues as plain values: dotted path and message. */
export function plainIssues(issues: readonly SchemaIssue[]): { path: string; message: string }[] {
  return issues.map(({ path = [], message }) => ({
    path: path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
    message,
  }))
}
