/** Texts within a record: lines end at line ends, so that none may stand within one. */

/** JSON has no raw line ends, but what a codec makes of it may. */
export function escape(text: string): string {
  if (!text.includes('\n') && !text.includes('\x10')) return text
  return text.replaceAll('\x10', '\x100').replaceAll('\n', '\x101')
}

export function unescape(text: string): string {
  if (!text.includes('\x10')) return text
  return text.replaceAll('\x101', '\n').replaceAll('\x100', '\x10')
}
