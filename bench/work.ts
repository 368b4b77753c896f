/**
 * The work that every engine is given: the same inputs, the same handler, the same results.
 *
 * An input is about 150 bytes of JSON and a result about 60. The *loaded* work has results of
 * 1 KiB, and one job in a hundred fails the first time and is retried.
 */

export interface Input {
  number: number
  to: string
  subject: string
  template: string
  /** When `enqueue` was called, in milliseconds of the machine's monotonic clock, which all processes share. */
  sentAt: number
  fails: boolean
}

export type Result = { sent: number; messageId: string } | { body: string }

/** What a job does. `first` is false when it is run again after a failure. */
export type Handler = (input: Input, first: boolean) => Result

const largeResult = { body: 'r'.repeat(1024) }

export function anInput(number: number, loaded = false): Input {
  return {
    number,
    to: `somebody.${number}@example.com`,
    subject: 'Your order has been shipped',
    template: 'order-shipped',
    sentAt: 0,
    fails: loaded && number % 100 === 50,
  }
}

export function inputs(count: number, loaded = false): Input[] {
  return Array.from({ length: count }, (_, number) => anInput(number, loaded))
}

export function slices<T>(values: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, at) => values.slice(at * size, (at + 1) * size))
}

export function work(input: Input, first: boolean, loaded: boolean): Result {
  if (!loaded) return { sent: input.number, messageId: `<${input.number}@mail.example.com>` }

  if (input.fails && first) throw new Error('The mail server is busy, try again')

  return largeResult
}

/** Milliseconds of the monotonic clock, comparable between the processes of one machine. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
