/**
 * Reads the server's replies from what arrives.
 *
 * What ioredis takes for a turn of 200 jobs is a good part of what the turn costs: it makes a text of its own of each
 * record. Here all that arrives becomes one text, with a character per byte, and replies are cut out of it, which copies
 * nothing.
 */
import { isAscii } from 'node:buffer'

/** What the server refused, under the name that ioredis gives it. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError'
}

const unfinished = Symbol('unfinished')

export class Replies {
  #text = ''
  #at = 0
  /** Its bytes are its characters. */
  #plain = true
  /** Shorter than this there is no whole reply. */
  #needed = 0

  /**
   * The replies that are whole by now, in their order.
   *
   * @throws Error for what no server says
   */
  take(chunk: Buffer): unknown[] {
    this.#plain = (this.#text === '' || this.#plain) && isAscii(chunk)
    this.#text += chunk.toString('latin1')
    const replies: unknown[] = []
    while (this.#text.length > this.#at && this.#text.length >= this.#needed) {
      const from = this.#at
      const reply = this.#read()
      if (reply === unfinished) {
        this.#at = from
        break
      }
      this.#needed = 0
      replies.push(reply)
    }
    this.#forgetRead()
    return replies
  }

  #forgetRead(): void {
    if (this.#at === 0) return
    this.#text = this.#text.slice(this.#at)
    this.#needed = Math.max(0, this.#needed - this.#at)
    this.#at = 0
  }

  #read(): unknown {
    switch (this.#text[this.#at]) {
      case '$':
        return this.#readText()
      case '*':
        return this.#readList()
      case ':':
        return this.#readNumber()
      case '+':
        return this.#readLine()
      case '-': {
        const line = this.#readLine()
        return line === unfinished ? line : new ReplyError(line)
      }
      default:
        throw new Error(
          `The server sent what is no reply: ${JSON.stringify(this.#text.slice(this.#at, this.#at + 40))}.`,
        )
    }
  }

  #readText(): string | null | typeof unfinished {
    const length = this.#readNumber()
    if (length === unfinished) return length
    if (length < 0) return null
    const end = this.#at + length
    if (this.#text.length < end + 2) {
      this.#needed = end + 2
      return unfinished
    }
    const text = this.#text.slice(this.#at, end)
    this.#at = end + 2

    return this.#plain ? text : decoded(text)
  }

  #readList(): unknown {
    const length = this.#readNumber()
    if (length === unfinished) return length
    if (length < 0) return null
    const list: unknown[] = []
    for (let index = 0; index < length; index++) {
      const item = this.#text.length > this.#at ? this.#read() : unfinished
      if (item === unfinished) return unfinished
      list.push(item)
    }
    return list
  }

  #readNumber(): number | typeof unfinished {
    const end = this.#text.indexOf('\r', this.#at)
    if (end === -1 || end + 2 > this.#text.length) return unfinished
    const number = Number(this.#text.slice(this.#at + 1, end))
    this.#at = end + 2

    return number
  }

  #readLine(): string | typeof unfinished {
    const end = this.#text.indexOf('\r\n', this.#at)
    if (end === -1) return unfinished
    const line = this.#text.slice(this.#at + 1, end)
    this.#at = end + 2

    return this.#plain ? line : decoded(line)
  }
}

const decoded = (bytes: string) => Buffer.from(bytes, 'latin1').toString()
