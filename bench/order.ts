/**
 * In which order the sides of a comparison take their turns, and what is made of the figures.
 *
 * Machines have fast and slow phases. Turns go A B B A A B …: every side comes first as often as
 * last, and what drifts over the run touches all alike.
 */

/** The indices of `sides` contenders for `pairs` rounds, every other round backwards. */
export function turns(sides: number, pairs: number): number[] {
  const forwards = Array.from({ length: sides }, (_, side) => side)

  return Array.from({ length: pairs }, (_, pair) => (pair % 2 === 0 ? forwards : forwards.toReversed())).flat()
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2

  if (sorted.length === 0) return NaN

  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2
}

/** The smallest value that at least `percent` of a hundred are not above. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b)

  return sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? NaN
}
