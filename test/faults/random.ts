/** Chance that a seed repeats: no hurry here, so a digest of the seed and a counter does. */
import { createHash } from 'node:crypto'

/** Numbers from 0 up to 1. */
export function seeded(seed: number): () => number {
  let drawn = 0

  return () => createHash('sha256').update(`${seed}:${drawn++}`).digest().readUInt32LE() / 2 ** 32
}

/** A whole number from `from` to `to`, both included. */
export const between = (random: () => number, from: number, to: number): number =>
  from + Math.floor(random() * (to - from + 1))
