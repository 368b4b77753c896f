/** What an upload turns out to be while it arrives: its kind, or why it is refused before anybody waits for a task. */
import { InvalidUploadError } from './errors.ts'
import { readJson } from './read-json.ts'
import type { Chunk } from './read-text.ts'
import { uploadKind, type UploadKind } from './upload-kind.ts'
import { uploadLimits } from './upload-limits.ts'

export interface UploadHead {
  /** The first bytes: `sniffedBytes` of them, or all there are. */
  readonly bytes: Uint8Array
  readonly whole: boolean
  readonly name: string | undefined
  /** As the sender declared it. */
  readonly contentType: string | undefined
}

/** @throws InvalidUploadError where the file is empty, not what it is declared to be, or broken at its beginning. */
export async function checkedUploadKind(head: UploadHead): Promise<UploadKind> {
  const text = new TextDecoder().decode(head.bytes).trim()
  if (head.whole && text === '') throw new InvalidUploadError('The file is empty. Expected CSV, JSON or NDJSON.')
  const found = uploadKind(head.bytes, head.name)
  const kind = agreedKind(found, declaredKind(head.contentType), text)
  if (kind === 'json') await checkJsonHead(head)

  return kind
}

function declaredKind(contentType: string | undefined): 'json' | 'ndjson' | undefined {
  const type = (contentType ?? '').split(';')[0]!.trim().toLowerCase()
  if (type === 'application/json') return 'json'

  return type === 'application/x-ndjson' || type === 'application/jsonl' ? 'ndjson' : undefined
}

function agreedKind(found: UploadKind, declared: 'json' | 'ndjson' | undefined, text: string): UploadKind {
  if (declared === undefined || declared === found) return found
  // One object on one line is both.
  if (declared === 'ndjson' && found === 'json' && text.startsWith('{') && !text.includes('\n')) return 'ndjson'
  const expected = declared === 'json' ? 'JSON: an array of objects, or one object' : 'NDJSON: an object on each line'

  throw new InvalidUploadError(
    `The file is declared as ${expected}; but it begins like ${found.toUpperCase()}. Declare what it is, or send that.`,
  )
}

/** Reads what has come as a task would. Where more is to come, its end is no end. */
async function checkJsonHead({ bytes, whole }: UploadHead): Promise<void> {
  const more = new Error('more is to come')
  async function* chunks(): AsyncGenerator<Chunk> {
    yield { bytes, text: new TextDecoder().decode(bytes) }
    if (!whole) throw more
  }
  try {
    for await (const _ of readJson(chunks(), uploadLimits));
  } catch (error) {
    if (error !== more) throw error
  }
}
