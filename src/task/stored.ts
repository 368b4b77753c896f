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
export type Plain<I> = [I] extends [void]
  ? []
  : [Stored<I>] extends [I]
    ? []
    : [error: 'this input does not come back from JSON as it is typed: give a schema']

export type Awaitable<T> = T | Promise<T>
