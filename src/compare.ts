/** The order in which names are listed: by their code units, the same on every engine and in every locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
