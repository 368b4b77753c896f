/** What a value is after a trip through the store: plain JSON. A Date is its ISO string; what JSON cannot hold is `never`. */
export type Stored<T> = unknown extends T
  ? unknown
  : T extends string | number | boolean | null | undefined
    ? T
    : T extends void
      ? null
      : T extends bigint | symbol | ((...args: never[]) => unknown) | Map<any, any> | Set<any>
        ? never
        : T extends { toJSON(...args: never[]): infer J }
          ? J
          : T extends readonly unknown[]
            ? { [K in keyof T]: Stored<T[K]> }
            : T extends object
              ? { [K in keyof T as T[K] extends ((...args: never[]) => unknown) | symbol ? never : K]: Stored<T[K]> }
              : never

/** Without a schema the handler receives what JSON gives back, so an input type that changes on the way does not compile. */
export type Plain<I, R = null> = [I] extends [void]
  ? Kept<R>
  : [Stored<I>] extends [I]
    ? Kept<R>
    : [error: 'this input does not come back from JSON as it is typed, as a Date would be a text: give a schema']

/** The same for an argument, so that the compiler says why it does not fit. */
export type Fits<Check extends readonly unknown[]> = Check extends readonly [infer Why]
  ? { readonly error: Why }
  : unknown

/** A handler that gives what nothing could be kept of does not compile. */
export type Kept<R> = [R] extends [never]
  ? []
  : [Stored<R>] extends [never]
    ? [error: 'this result cannot be stored: JSON has no such value']
    : [Flowing<R>] extends [true]
      ? [error: 'this result is a flow, which nobody would run: return `job.run(name, flow)`']
      : []

type Flowing<R> = unknown extends R ? false : [R] extends [{ readonly '~flow': unknown }] ? true : false

/** What a handler gets of a step. What cannot be stored fails there, so its result fits nothing. */
export type StepResult<T> = [Stored<T>] extends [never]
  ? [T] extends [never]
    ? never
    : { readonly 'this cannot be stored: JSON has no such value': T }
  : Stored<T>

export type Awaitable<T> = T | Promise<T>
