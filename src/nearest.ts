/** The name somebody probably meant, for messages. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)

  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + same)
    }
    row = next
  }
  return row[b.length]!
}

/** The known name nearest to `name`, if any is near: fewer than half of its letters wrong. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const scored = known.map((candidate) => ({ candidate, far: distance(name.toLowerCase(), candidate.toLowerCase()) }))
  const best = scored.toSorted((a, b) => a.far - b.far)[0]

  return best && best.far <= Math.max(2, Math.floor(name.length * 0.45)) ? best.candidate : undefined
}
