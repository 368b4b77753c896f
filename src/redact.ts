/**
 * Redaction: masks the fields a task names, where jobs are read, and their values
 * where they may have slipped into text: log lines and errors.
 *
 * A path is keys joined by dots; `*` stands for any key or element. Each path is tried
 * on the value itself and, for progress and log data, on its `data`.
 */
export const mask = '[redacted]'

function maskPath(value: unknown, keys: readonly string[], at: number): unknown {
  if (at === keys.length) return value === undefined ? undefined : mask
  if (value === null || typeof value !== 'object') return value
  const key = keys[at]!

  if (Array.isArray(value)) {
    return value.map((item, index) => (key === '*' || key === String(index) ? maskPath(item, keys, at + 1) : item))
  }
  const copy: Record<string, unknown> = { ...value }
  for (const own of Object.keys(copy)) {
    if (key === '*' || key === own) copy[own] = maskPath(copy[own], keys, at + 1)
  }
  return copy
}

/** A copy of `value` with the fields at these paths masked; `value` itself where there is nothing to mask. */
export function redacted<T>(value: T, paths: readonly string[] | undefined): T {
  let result: unknown = value

  for (const path of paths ?? []) {
    const keys = path.split('.')
    result = maskPath(maskPath(result, keys, 0), ['data', ...keys], 0)
  }
  return result as T
}

function collect(value: unknown, keys: readonly string[], at: number, found: Set<string>): void {
  if (at === keys.length) return collectTexts(value, found)
  if (value === null || typeof value !== 'object') return
  const key = keys[at]!

  for (const [own, inner] of Object.entries(value)) {
    if (key === '*' || key === own) collect(inner, keys, at + 1, found)
  }
}

function collectTexts(value: unknown, found: Set<string>): void {
  if (value !== null && typeof value === 'object') for (const inner of Object.values(value)) collectTexts(inner, found)
  // Shorter ones would mask half the alphabet.
  else if ((typeof value === 'string' || typeof value === 'number') && String(value).length >= 3)
    found.add(String(value))
}

/** The forms in which a text turns up inside others: as it is, within JSON, within a URL. */
const forms = (text: string) => [text, JSON.stringify(text).slice(1, -1), encodeURIComponent(text.toWellFormed())]

/** A function that masks, in any text, the values that stand at these paths of `value`. */
export function textRedactor(value: unknown, paths: readonly string[] | undefined): (text: string) => string {
  const found = new Set<string>()
  for (const path of paths ?? []) collect(value, path.split('.'), 0, found)
  if (found.size === 0) return (text) => text
  const longestFirst = [...new Set([...found].flatMap(forms))].toSorted((a, b) => b.length - a.length)

  return (text) => longestFirst.reduce((masked, secret) => masked.replaceAll(secret, mask), text)
}

/** A copy of a plain value, each text and number in it masked. */
export function maskTexts(value: unknown, maskText: (text: string) => string): unknown {
  if (typeof value === 'string') return maskText(value)
  if (typeof value === 'number') return maskText(String(value)) === String(value) ? value : mask
  if (Array.isArray(value)) return value.map((item) => maskTexts(item, maskText))
  if (value === null || typeof value !== 'object') return value

  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [maskText(key), maskTexts(inner, maskText)]))
}
