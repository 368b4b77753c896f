/** A JSON file: an array of objects, or a single object (or several of them, one after another). */
import { TokenParser, Tokenizer } from '@streamparser/json'
import { InvalidUploadError } from './errors.ts'
import { exactNumber } from './numbers.ts'
import type { Chunk } from './read-text.ts'
import { checkedRecord } from './record.ts'
import type { DataRecord, JsonValue } from './record.ts'
import type { UploadLimits } from './upload-limits.ts'

export async function* readJson(chunks: AsyncIterable<Chunk>, limits: UploadLimits): AsyncGenerator<DataRecord> {
  const reader = new JsonReader()
  let read = 0
  let bytesSinceRecord = 0
  for await (const { bytes, text } of chunks) {
    if (!reader.open && !reader.begin(text)) continue
    bytesSinceRecord += bytes.length
    const values = reader.read(bytes, read)
    for (const value of values) {
      read += 1
      yield checkedRecord(value, `Record ${read}`, limits)
    }
    if (values.length > 0) bytesSinceRecord = 0
    else checkSize(bytesSinceRecord, read + 1, limits)
  }
  reader.end(read)
}

function checkSize(bytes: number, number: number, limits: UploadLimits): void {
  if (bytes <= limits.recordBytes) return
  throw new InvalidUploadError(
    `Record ${number} is longer than ${limits.recordBytes} bytes, the most for one record. ` +
      `Expected an array of objects; a list inside another object has to be taken out of it first.`,
  )
}

class JsonReader {
  readonly #tokenizer = new ExactTokenizer()
  #parser: TokenParser | undefined
  #values: JsonValue[] = []

  get open(): boolean {
    return this.#parser !== undefined
  }

  /** The first character that is no space tells an array from an object. False while there is none. */
  begin(text: string): boolean {
    const start = text.trimStart()[0]
    if (start === undefined) return false
    const parser =
      start === '['
        ? new TokenParser({ paths: ['$.*'], keepStack: false })
        : new TokenParser({ paths: ['$'], keepStack: false, separator: '' })
    parser.onValue = ({ value }) => void this.#values.push(value as JsonValue)
    this.#tokenizer.onToken = (token) => parser.write(token)
    this.#parser = parser
    return true
  }

  read(bytes: Uint8Array, before: number): JsonValue[] {
    this.#values = []
    explained(
      () => this.#tokenizer.write(bytes),
      () => before + this.#values.length + 1,
    )
    return this.#values
  }

  end(before: number): void {
    const parser = this.#parser
    if (parser === undefined) return
    const finish = () => {
      this.#tokenizer.end()
      if (!parser.isEnded) parser.end()
    }
    explained(finish, () => before + 1)
  }
}

class ExactTokenizer extends Tokenizer {
  // The parser passes on whatever stands here, so a text is as good as a number.
  protected override parseNumber(text: string): number {
    return exactNumber(text) as number
  }
}

function explained(step: () => void, record: () => number): void {
  try {
    step()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new InvalidUploadError(`The JSON is not valid at or after record ${record()}: ${reason}`, { cause })
  }
}
