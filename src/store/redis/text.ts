/**
 * Texts within a record and within a packed argument.
 *
 * Many short arguments cost a client more than one long one, so a call packs its jobs into a single text. There the
 * parts end at NUL, and the parts of a record end at line ends: neither may stand within a part. JSON has none of them,
 * but what a codec makes of it may, and so may ids.
 */

export function escape(text: string): string {
  if (!special.test(text)) return text
  return text.replaceAll('\x10', '\x100').replaceAll('\n', '\x101').replaceAll('\0', '\x102')
}

export function unescape(text: string): string {
  if (!text.includes('\x10')) return text
  return text.replaceAll('\x102', '\0').replaceAll('\x101', '\n').replaceAll('\x100', '\x10')
}

const special = /[\x10\n\0]/

/** The parts in one text, and what they end with: NUL, unless one of the ids has it. */
export function pack(parts: readonly (string | number)[], ids: readonly string[]): [end: string, packed: string] {
  let end = '\0'
  while (ids.some((id) => id.includes(end))) end += '\x01'
  return [end, parts.length > 0 ? parts.join(end) + end : '']
}
