/**
 * What is said on a connection once ioredis has made it: commands out, replies back, in one order.
 *
 * ioredis finds the way, signs in and notices the end. From then on it would only translate, and what a turn of 200 jobs
 * says is long.
 */
import type { Socket } from 'node:net'
import type { Argument } from './peer.ts'
import { Replies, ReplyError } from './replies.ts'

/** From so many characters on, a copy costs more than a write of its own. */
const long = 4096

interface Asked {
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: Error) => void
}

export class Wire {
  readonly #stream: Socket
  readonly #replies = new Replies()
  /** The oldest first. */
  readonly #asked: Asked[] = []
  #leaving = false
  readonly #broken: (error: Error) => void

  /** @param broken called when what arrives makes no sense: nothing more is answered then */
  constructor(stream: Socket, broken: (error: Error) => void) {
    this.#stream = stream
    this.#broken = broken
    stream.removeAllListeners('data')
    stream.on('data', (chunk: Buffer) => this.#take(chunk))
  }

  get writable(): boolean {
    return this.#stream.writable
  }

  /** Rejects with what the server refused. Where the connection ends, there is no answer. */
  ask(command: string, args: readonly Argument[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject })
      const { texts, plain } = written([command, ...args])
      this.#gather()
      for (const text of texts) this.#stream.write(text, plain ? 'latin1' : 'utf8')
      if (this.#stream.writableLength > long) this.#stream.uncork()
    })
  }

  /**
   * What is short and asked before the event loop has its turn leaves together: a call of the system costs more than a
   * command. What is long leaves at once, so that the server works while this process goes on.
   */
  #gather(): void {
    if (this.#stream.writableCorked > 0) return
    this.#stream.cork()
    if (this.#leaving) return
    this.#leaving = true
    process.nextTick(() => {
      this.#leaving = false
      this.#stream.uncork()
    })
  }

  #take(chunk: Buffer): void {
    try {
      for (const reply of this.#replies.take(chunk)) this.#answer(reply)
    } catch (error) {
      this.#stream.removeAllListeners('data')
      this.#broken(error as Error)
    }
  }

  #answer(reply: unknown): void {
    const asked = this.#asked.shift()
    if (!asked) throw new Error('The server answered what it was not asked.')
    if (reply instanceof ReplyError) asked.reject(reply)
    else asked.resolve(reply)
  }
}

/** A command as the server reads it: what is long stays by itself, so that nothing copies it to make one text of all. */
function written(words: readonly Argument[]): { texts: string[]; plain: boolean } {
  const texts: string[] = []
  let text = `*${words.length}\r\n`
  let plain = true
  for (const each of words) {
    const word = String(each)
    const bytes = Buffer.byteLength(word)
    if (bytes !== word.length) plain = false
    text += `$${bytes}\r\n`
    if (word.length < long) text += `${word}\r\n`
    else {
      texts.push(text, word)
      text = '\r\n'
    }
  }
  texts.push(text)
  return { texts, plain }
}
