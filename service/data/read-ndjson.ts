/** One JSON object per line. */
import { InvalidUploadError } from './errors.ts'
import { exactNumber } from './numbers.ts'
import type { Chunk } from './read-text.ts'
import { checkedRecord } from './record.ts'
import type { DataRecord, JsonValue } from './record.ts'
import type { UploadLimits } from './upload-limits.ts'

/** Empty lines are passed over; they count as lines in messages. */
export async function* readNdjson(chunks: AsyncIterable<Chunk>, limits: UploadLimits): AsyncGenerator<DataRecord> {
  let number = 0
  for await (const line of linesOf(chunks, limits)) {
    number += 1
    if (line.trim() === '') continue
    yield checkedRecord(parsedLine(line, number), `Line ${number}`, limits)
  }
}

async function* linesOf(chunks: AsyncIterable<Chunk>, limits: UploadLimits): AsyncGenerator<string> {
  let rest = ''
  let passed = 0
  for await (const { text } of chunks) {
    const pieces = (rest + text).split('\n')
    rest = pieces.pop() ?? ''
    for (const piece of pieces) {
      passed += 1
      checkLength(piece, passed, limits)
      yield piece
    }
    checkLength(rest, passed + 1, limits)
  }
  yield rest
}

function checkLength(line: string, number: number, limits: UploadLimits): void {
  if (line.length <= limits.recordBytes) return
  throw new InvalidUploadError(`Line ${number} is longer than ${limits.recordBytes} bytes, the most for one record.`)
}

function parsedLine(line: string, number: number): JsonValue {
  try {
    return /\d{16}|[eE]\+?\d{3}/.test(line) ? JSON.parse(line, keepExact) : JSON.parse(line)
  } catch (cause) {
    throw new InvalidUploadError(`Line ${number} is not valid JSON. Expected one whole object on each line.`, { cause })
  }
}

/** Slower than plain parsing, so only lines with a number that might not fit a double take this way. */
function keepExact(_key: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === 'number' && context?.source !== undefined ? exactNumber(context.source) : value
}
