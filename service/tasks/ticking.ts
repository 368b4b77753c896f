/**
 * The values of a source as they come; and when none has come for a while, a sign that time has passed.
 *
 * Who leaves early must also end the source, by its signal: a generator that waits cannot be ended from outside.
 */
export async function* ticking<T>(source: AsyncIterable<T>, everyMs: number): AsyncGenerator<T | 'tick'> {
  const iterator = source[Symbol.asyncIterator]()
  let next = iterator.next()
  try {
    for (;;) {
      const come = await Promise.race([next, tickAfter(everyMs)])
      if (come !== 'tick') {
        if (come.done) return
        next = iterator.next()
        yield come.value
      } else {
        yield 'tick'
      }
    }
  } finally {
    next.catch(() => {})
    iterator.return?.().catch(() => {})
  }
}

function tickAfter(ms: number): Promise<'tick'> {
  return new Promise((resolve) => setTimeout(() => resolve('tick'), ms).unref())
}
