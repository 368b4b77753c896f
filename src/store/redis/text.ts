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

/** As all ids have it that Errand makes. */
const idLength = 36

/** Ids that were made in one moment begin alike. */
const headLength = 19
const leastAlike = 4

/**
 * Ids in one text, and its form. Where runs of them begin alike, the form is JSON of each beginning and how many have
 * it, and the text has the rest of each; else the form is what each ends with: NUL, unless one of them has it.
 */
export function packIds(ids: readonly string[]): [form: string, packed: string] {
  const runs: (string | number)[] = []
  let [head, count, rests] = ['', 0, '']
  for (const id of ids) {
    if (id.length !== idLength) return endedIds(ids)
    if (!id.startsWith(head) || count === 0) {
      if (count > 0) runs.push(head, count)
      head = id.slice(0, headLength)
      count = 0
    }
    rests += id.slice(headLength)
    count++
  }
  runs.push(head, count)
  const form = JSON.stringify(runs)
  // As the server counts.
  const usual = (runs.length / 2) * leastAlike <= ids.length && isAscii(form) && isAscii(rests)
  return usual ? [form, rests] : endedIds(ids)
}

function endedIds(ids: readonly string[]): [end: string, packed: string] {
  let end = '\0'
  while (ids.some((id) => id.includes(end))) end += '\x01'
  return [end, ids.join(end) + end]
}

const isAscii = (text: string) => Buffer.byteLength(text) === text.length

export function idsFrom(packed: readonly string[] | string): readonly string[] {
  if (typeof packed !== 'string') return packed
  const ids: string[] = []
  for (let from = 0; from < packed.length; from += idLength) ids.push(packed.slice(from, from + idLength))
  return ids
}

/** Escaped texts in one, each with NUL behind it. */
export function join(texts: readonly string[]): string {
  return texts.length > 0 ? texts.join('\0') + '\0' : ''
}
