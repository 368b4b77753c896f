/** Steps are never changed: they keep copies of the inputs they are given. */

/** Deeper values are not stored anyway, and what contains itself has no end. */
const deepest = 500

/**
 * A copy of a value's plain objects and lists. Whatever else stands in it is the same in both, except where `replace` gives
 * something for an object: that stands in its place.
 */
export function copied(
  value: unknown,
  replace?: (object: object, at: readonly string[]) => { readonly by: unknown } | undefined,
  at: readonly string[] = [],
): unknown {
  if (typeof value !== 'object' || value === null || at.length > deepest) return value
  const replaced = replace?.(value, at)
  if (replaced) return replaced.by
  if (Array.isArray(value)) return value.map((item, index) => copied(item, replace, [...at, String(index)]))
  if (!isPlain(value)) return value

  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copied(item, replace, [...at, key])]))
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)

  return prototype === Object.prototype || prototype === null
}
