/**
 * What kind of file somebody uploaded, told from its first bytes. The name is only asked to agree: a `.json` that
 * holds no JSON would otherwise be read as a one-column CSV, and nobody would notice.
 */
import { InvalidUploadError } from './errors.ts'

export type UploadKind = 'csv' | 'json' | 'ndjson'

/** As many bytes as `uploadKind` wants to see. */
export const sniffedBytes = 64 * 1024

const signatures: readonly (readonly [string, string])[] = [
  ['1f8b', 'gzip'],
  ['504b0304', 'a zip file or an office document (xlsx, docx)'],
  ['25504446', 'PDF'],
  ['d0cf11e0', 'an old office document (xls, doc)'],
  ['fffe', 'UTF-16 text'],
  ['feff', 'UTF-16 text'],
  ['28b52ffd', 'zstd'],
]

/**
 * Decides from the first bytes of a file, and its name where one is known.
 *
 * A JSON array or object is `json`; several lines that are JSON objects each are `ndjson`; other text is `csv`.
 */
export function uploadKind(head: Uint8Array, name?: string): UploadKind {
  refuseBinary(head)
  const text = new TextDecoder().decode(head.subarray(0, sniffedBytes)).trimStart()
  const kind = kindOfText(text)
  if (kind === 'csv' && text !== '' && name !== undefined && /\.(json|ndjson|jsonl)$/i.test(name)) {
    throw new InvalidUploadError(
      `"${name}" is named like JSON but does not begin with an object or an array of objects. ` +
        `Upload JSON, or name the file .csv if it is one.`,
    )
  }

  return kind
}

function refuseBinary(head: Uint8Array): void {
  const hex = Buffer.from(head.subarray(0, 8)).toString('hex')
  const known = signatures.find(([signature]) => hex.startsWith(signature))
  if (known === undefined && !head.includes(0)) return
  throw new InvalidUploadError(
    `The file is ${known?.[1] ?? 'binary data'}; expected CSV, JSON or NDJSON as UTF-8 text. ` +
      `Unpack it, or export it in one of these forms.`,
  )
}

/** A CSV may begin with a bracket too (`[id],[name]`), so the character after it decides. */
function kindOfText(text: string): UploadKind {
  if (/^\[\s*(?:$|[\]{["\d-]|true|false|null)/.test(text)) return 'json'
  if (!/^\{\s*(?:$|["}])/.test(text)) return 'csv'

  return firstOfSeveralLines(text) ? 'ndjson' : 'json'
}

function firstOfSeveralLines(text: string): boolean {
  const end = text.indexOf('\n')
  if (end === -1 || text.slice(end).trim() === '') return false
  try {
    JSON.parse(text.slice(0, end))
    return true
  } catch {
    return false
  }
}
