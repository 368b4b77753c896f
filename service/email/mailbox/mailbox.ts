/**
 * The development mailbox: an SMTP server on this machine that keeps what it receives, for as long as no real mail
 * server is set. The newest messages are kept as files; whoever can read the data folder can read them.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import PostalMime, { type Email } from 'postal-mime'
import { SMTPServer, type SMTPServerDataStream } from 'smtp-server'

export interface ReceivedMessage {
  readonly id: string
  readonly receivedAt: Date
  readonly from: string
  readonly to: readonly string[]
  readonly subject: string
  readonly text: string
  readonly messageId: string | undefined
  readonly headers: readonly { readonly name: string; readonly value: string }[]
}

export interface MailboxLimits {
  readonly messages: number
  readonly messageBytes: number
}

const mailboxLimits: MailboxLimits = { messages: 200, messageBytes: 2 * 1024 * 1024 }

const fileName = /^(\d{13})-([0-9a-f-]{36})\.eml$/

export class Mailbox {
  readonly #folder: string
  readonly #limits: MailboxLimits
  readonly #server: SMTPServer
  /** By file name; a message never changes. */
  readonly #parsed = new Map<string, ReceivedMessage>()

  constructor(folder: string, limits = mailboxLimits) {
    this.#folder = folder
    this.#limits = limits
    this.#server = new SMTPServer({
      banner: 'development mailbox',
      disabledCommands: ['AUTH', 'STARTTLS'],
      disableReverseLookup: true,
      size: limits.messageBytes,
      maxClients: 50,
      socketTimeout: 30_000,
      closeTimeout: 500,
      onData: (stream, _session, callback) => {
        this.#receive(stream).then(
          () => callback(),
          (error: unknown) => callback(error as Error),
        )
      },
    })
    // A client that breaks off is its own trouble; without a listener it would end this process.
    this.#server.on('error', () => {})
  }

  /** Listens on a free port of this machine, and gives the port. */
  async start(): Promise<number> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })

    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(0, '127.0.0.1', () => resolve((this.#server.server.address() as AddressInfo).port))
    })
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  /** Newest first. */
  async messages(): Promise<ReceivedMessage[]> {
    const names = (await this.#names()).toReversed()

    return Promise.all(names.map((name) => this.#message(name)))
  }

  async #receive(stream: SMTPServerDataStream): Promise<void> {
    const chunks: Buffer[] = []
    // All of it has to be read, also what is too much: the answer comes after the last byte.
    for await (const chunk of stream) if (!stream.sizeExceeded) chunks.push(chunk as Buffer)
    if (stream.sizeExceeded)
      throw refused(552, `Messages of more than ${this.#limits.messageBytes} bytes are not taken.`)

    const name = `${String(Date.now()).padStart(13, '0')}-${randomUUID()}.eml`
    const aside = join(this.#folder, `${name}.part`)
    await writeFile(aside, Buffer.concat(chunks), { flag: 'wx', mode: 0o600 })
    await rename(aside, join(this.#folder, name))
    await this.#forgetOldest()
  }

  async #forgetOldest(): Promise<void> {
    const names = await this.#names()
    for (const name of names.slice(0, Math.max(0, names.length - this.#limits.messages))) {
      this.#parsed.delete(name)
      await rm(join(this.#folder, name), { force: true })
    }
  }

  async #names(): Promise<string[]> {
    return (await readdir(this.#folder)).filter((name) => fileName.test(name)).toSorted()
  }

  async #message(name: string): Promise<ReceivedMessage> {
    const known = this.#parsed.get(name)
    if (known) return known
    const message = received(name, await PostalMime.parse(await readFile(join(this.#folder, name))))
    this.#parsed.set(name, message)

    return message
  }
}

function received(name: string, email: Email): ReceivedMessage {
  const [, at, id] = fileName.exec(name)!

  return {
    id: id!,
    receivedAt: new Date(Number(at)),
    from: email.from?.address ?? '',
    to: (email.to ?? []).map(({ address }) => address ?? ''),
    subject: email.subject ?? '',
    text: email.text ?? '',
    messageId: email.messageId,
    headers: email.headers.map(({ originalKey, value }) => ({ name: originalKey, value })),
  }
}

function refused(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode })
}
