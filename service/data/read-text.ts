/** The bytes of a file as checked UTF-8 text, chunk by chunk. */
import { createReadStream } from 'node:fs'
import { InvalidUploadError } from './errors.ts'

/** One piece of a file, both ways: parsers differ in which they take faster. A character may be cut in `bytes` only. */
export interface Chunk {
  readonly bytes: Uint8Array
  readonly text: string
}

// A chunk is parsed in one go, so it is what a parser holds the event loop for.
const chunkBytes = 32 * 1024

/** Yields a file's chunks without its byte order mark, and refuses what is not UTF-8. `onBytes` hears of each chunk. */
export async function* readText(path: string, onBytes?: (bytes: number) => void): AsyncGenerator<Chunk> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let offset = 0
  for await (const bytes of createReadStream(path, { highWaterMark: chunkBytes }) as AsyncIterable<Buffer>) {
    const text = decoded(decoder, bytes, offset)
    yield { bytes: offset === 0 ? withoutMark(bytes) : bytes, text }
    offset += bytes.length
    onBytes?.(bytes.length)
  }
  decoded(decoder, undefined, offset)
}

function decoded(decoder: TextDecoder, bytes: Uint8Array | undefined, offset: number): string {
  try {
    return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true })
  } catch (cause) {
    const until = bytes === undefined ? 'at its end' : `between the bytes ${offset} and ${offset + bytes.length}`
    throw new InvalidUploadError(`The file is not UTF-8 text ${until}. Save it as UTF-8 and upload it again.`, {
      cause,
    })
  }
}

function withoutMark(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}
