/**
 * A file that is either whole or not there: written aside in the same folder, synced, then renamed. A process that is
 * killed may leave `<name>.<uuid>.part` behind, never a half-written result under the name itself.
 */
import { createHash, randomUUID } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'

const writeBytes = 64 * 1024

export class ResultFile {
  readonly path: string
  readonly partPath: string
  readonly #inlineBytes: number
  readonly #hash = createHash('sha256')
  #file: FileHandle | undefined
  #pending: string[] = []
  #pendingCharacters = 0
  #inline: Buffer[] | undefined = []
  #bytes = 0

  /** Content of up to `inlineBytes` is also kept in memory, for `inlineText`. */
  constructor(path: string, inlineBytes: number) {
    this.path = path
    this.partPath = `${path}.${randomUUID()}.part`
    this.#inlineBytes = inlineBytes
  }

  async add(text: string): Promise<void> {
    this.#pending.push(text)
    this.#pendingCharacters += text.length
    if (this.#pendingCharacters >= writeBytes) await this.flush()
  }

  /** Makes what was added so far readable at `partPath`. */
  async flush(): Promise<void> {
    const bytes = Buffer.from(this.#pending.join(''))
    this.#pending = []
    this.#pendingCharacters = 0
    this.#file ??= await open(this.partPath, 'wx')
    await this.#file.writeFile(bytes)
    this.#count(bytes)
  }

  /** Gives the file its name. From here on it is there, also after a power cut. */
  async commit(): Promise<{ bytes: number; sha256: string; text: string | undefined }> {
    await this.flush()
    await this.#file?.sync()
    await this.#close()
    await rename(this.partPath, this.path)
    await syncFolder(dirname(this.path))

    return { bytes: this.#bytes, sha256: this.#hash.digest('hex'), text: this.#text() }
  }

  /** Leaves nothing behind. */
  async discard(): Promise<void> {
    await this.#close()
    await rm(this.partPath, { force: true })
  }

  #count(bytes: Buffer): void {
    this.#hash.update(bytes)
    this.#bytes += bytes.length
    if (this.#bytes > this.#inlineBytes) this.#inline = undefined
    else this.#inline?.push(bytes)
  }

  #text(): string | undefined {
    return this.#inline === undefined ? undefined : Buffer.concat(this.#inline).toString()
  }

  async #close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }
}

/** The files of one run: the result, and what had to be written on the way to it. */
export class ResultFiles {
  readonly #path: string
  readonly #inlineBytes: number
  readonly #opened: ResultFile[] = []

  constructor(path: string, inlineBytes: number) {
    this.#path = path
    this.#inlineBytes = inlineBytes
  }

  next(): ResultFile {
    const file = new ResultFile(this.#path, this.#inlineBytes)
    this.#opened.push(file)

    return file
  }

  /** Removes all that was not committed. */
  async discard(): Promise<void> {
    for (const file of this.#opened) await file.discard()
  }
}

/** A rename is only durable with its folder. Windows cannot sync one, and does not need it. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  await using folder = await open(path, 'r')
  await folder.sync()
}
