/** Cursors of `find`: the number of the job before which the next page begins to look, as text. */
import { InvalidOptionError } from '../errors.ts'

export const cursorAt = (seq: number): string => String(seq)

/** @throws InvalidOptionError for a text that no page has ended with */
export function seqAt(cursor: string): number {
  const seq = Number(cursor)
  if (Number.isSafeInteger(seq) && seq > 0 && cursorAt(seq) === cursor) return seq

  throw new InvalidOptionError('`cursor`', cursor, 'one that a page of jobs ended with')
}
