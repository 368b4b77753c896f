/**
 * Receives one file of any length: streamed to disk under a name of ours, counted, hashed and looked at on the way,
 * never whole in memory. Until all of it is safely written it has no name that anything reads.
 */
import { createHash } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import type { IncomingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Busboy, type BusboyHeaders } from '@fastify/busboy'
import { Problem } from '../http/problem.ts'
import { InvalidUploadError } from './errors.ts'
import { checkedUploadKind } from './upload-check.ts'
import { sniffedBytes, type UploadKind } from './upload-kind.ts'

export interface ReceivedFile {
  /** What the sender calls it: data, never a path. */
  readonly name: string | undefined
  readonly kind: UploadKind
  readonly bytes: number
  readonly sha256: string
}

export interface Receiving {
  readonly body: Readable
  readonly headers: IncomingHttpHeaders
  /** For a body that is the file itself. */
  readonly name: string | undefined
  /** Where the file goes, once its kind is known. */
  readonly pathFor: (kind: UploadKind) => string
  readonly partPath: string
  readonly maxBytes: number
}

interface FilePart {
  readonly name: string | undefined
  readonly contentType: string | undefined
  readonly stream: Readable
  /** Settles when the whole body has been read. */
  readonly rest: Promise<void>
}

/** @throws Problem when there is no file, it is too large, or it is of no kind that can be read. */
export async function receiveUpload(receiving: Receiving): Promise<ReceivedFile> {
  const part = await filePart(receiving)
  // It may fail while the file is still being written; then writing fails too, and tells.
  part.rest.catch(() => {})
  try {
    const written = await write(part, receiving)
    await part.rest
    await rename(receiving.partPath, receiving.pathFor(written.kind))

    return { name: part.name, ...written }
  } catch (error) {
    throw asProblem(error)
  } finally {
    receiving.body.destroy()
    await rm(receiving.partPath, { force: true })
  }
}

async function filePart(receiving: Receiving): Promise<FilePart> {
  const type = (receiving.headers['content-type'] ?? '').toLowerCase()
  if (type.startsWith('multipart/form-data')) return multipartFile(receiving)
  if (/^(text\/(csv|plain)|application\/(json|x-ndjson|jsonl|octet-stream))\s*(;|$)/.test(type)) {
    return { name: cleanName(receiving.name), contentType: type, stream: receiving.body, rest: Promise.resolve() }
  }
  throw new Problem(
    'unsupported-type',
    'Expected multipart/form-data with one file, or the file itself as text/csv, application/json or application/x-ndjson.',
  )
}

/** The first file of a form. A form without one, or a malformed one, is a problem and never a crash. */
function multipartFile({ body, headers, maxBytes }: Receiving): Promise<FilePart> {
  const form = formParser(headers, maxBytes)

  return new Promise((resolve, reject) => {
    const rest = pipeline(body, form).catch((error: unknown) => {
      throw noFile('The form cannot be read.', error)
    })
    rest.then(() => reject(noFile('The form has no file.')), reject)

    form.on('file', (_field, stream, name, _encoding, contentType) => {
      // A part that is cut short reports it once, whether or not anybody reads yet, and never ends.
      stream.on('error', (error) => stream.destroy(error))
      rest.catch((error: Error) => stream.destroy(error))
      resolve({ name: cleanName(name), contentType, stream, rest })
    })
  })
}

function formParser(headers: IncomingHttpHeaders, maxBytes: number): InstanceType<typeof Busboy> {
  try {
    return new Busboy({
      headers: headers as BusboyHeaders,
      limits: { files: 1, fields: 20, fieldSize: 1_000, parts: 25, headerPairs: 50, fileSize: maxBytes + 1 },
    })
  } catch (error) {
    throw noFile('The form has no boundary.', error)
  }
}

function noFile(message: string, cause?: unknown): Problem {
  return new Problem('invalid', message, { errors: [{ pointer: '/file', message: 'expected one file' }], cause })
}

/** The last part of whatever path the sender gave, without control characters. */
function cleanName(name: string | undefined): string | undefined {
  const last = (name ?? '').split(/[/\\]/).at(-1)!
  const clean = last
    .replace(/\p{Cc}/gu, '')
    .trim()
    .slice(0, 200)

  return clean === '' ? undefined : clean
}

async function write(
  { name, contentType, stream }: FilePart,
  { partPath, maxBytes }: Receiving,
): Promise<Omit<ReceivedFile, 'name'>> {
  await using file = await open(partPath, 'wx', 0o600)
  const hash = createHash('sha256')
  const head: Buffer[] = []
  let headBytes = 0
  let bytes = 0
  let kind: UploadKind | undefined
  const kindOf = (whole: boolean) => checkedUploadKind({ bytes: Buffer.concat(head), whole, name, contentType })

  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes)
      throw new Problem('too-large', `The file is larger than the ${maxBytes} bytes that are taken.`)
    hash.update(chunk)
    if (kind === undefined) {
      head.push(chunk)
      headBytes += chunk.length
      if (headBytes >= sniffedBytes) kind = await kindOf(false)
    }
    await file.writeFile(chunk)
  }
  kind ??= await kindOf(true)
  await file.sync()

  return { kind, bytes, sha256: hash.digest('hex') }
}

function asProblem(error: unknown): unknown {
  if (error instanceof Problem) return error
  if (error instanceof InvalidUploadError) {
    return new Problem('invalid', error.message, { errors: [{ pointer: '/file', message: error.message }] })
  }
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOSPC') return new Problem('unavailable', 'There is no room left for uploads.', { cause: error })
  if (code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET') {
    return new Problem('bad-request', 'The upload broke off.', { cause: error })
  }

  return error instanceof Error && error.message.includes('multipart')
    ? noFile('The form cannot be read.', error)
    : error
}

export function readableOf(body: ReadableStream<Uint8Array> | null): Readable {
  return body ? Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]) : Readable.from([])
}
