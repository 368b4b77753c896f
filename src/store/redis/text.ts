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
  const rests: string[] = []
  let [head, count] = ['', 0]
  for (const id of ids) {
    if (id.length !== idLength) return endedIds(ids)
    if (!id.startsWith(head) || count === 0) {
      if (count > 0) runs.push(head, count)
      head = id.slice(0, headLength)
      count = 0
    }
    rests.push(id.slice(headLength))
    count++
  }
  runs.push(head, count)
  const [form, packed] = [JSON.stringify(runs), rests.join('')]
  // As the server counts.
  const usual = (runs.length / 2) * leastAlike <= ids.length && isAscii(form) && isAscii(packed)
  return usual ? [form, packed] : endedIds(ids)
}

function endedIds(ids: readonly string[]): [end: string, packed: string] {
  let end = '\0'
  while (ids.some((id) => id.includes(end))) end += '\x01'
  return [end, ids.join(end) + end]
}

const isAscii = (text: string) => Buffer.byteLength(text) === text.length

/** Cut out of a text of their own: who keeps an id must not keep all that arrived with it. */
export function idsFrom(packed: readonly string[] | string): readonly string[] {
  if (typeof packed !== 'string') return packed
  const bytes = Buffer.from(packed)
  const own = bytes.length === packed.length ? bytes.toString('latin1') : undefined
  const ids: string[] = []
  for (let from = 0; from < bytes.length; from += idLength) {
    // The server counts bytes.
    ids.push(own?.slice(from, from + idLength) ?? bytes.toString('utf8', from, from + idLength))
  }
  return ids
}

/** Escaped texts in one, each with NUL behind it. */
export function join(texts: readonly string[]): string {
  return [...texts, ''].join('\0')
}
