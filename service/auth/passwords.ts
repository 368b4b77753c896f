/**
 * Passwords at rest: Argon2id, as strings in the PHC format, so that the parameters can be raised later.
 *
 * Hashing is slow on purpose and takes a whole core. One runs at a time and a bounded number waits, so that a flood
 * of log-ins costs this process one core at most and never the workers theirs.
 */
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { Problem, retryAfter } from '../http/problem.ts'

const derive = promisify(argon2)

export interface Argon2Parameters {
  readonly memoryKiB: number
  readonly passes: number
  readonly lanes: number
}

/** The least that OWASP recommends. */
const argon2Defaults: Argon2Parameters = { memoryKiB: 19 * 1024, passes: 2, lanes: 1 }

const tagLength = 32

interface PhcString {
  readonly parameters: Argon2Parameters
  readonly salt: Buffer
  readonly tag: Buffer
}

export class Passwords {
  readonly #parameters: Argon2Parameters
  readonly #queue: BoundedQueue
  /** Stands in for accounts that do not exist, so that asking for them takes as long. */
  #dummy: Promise<string> | undefined

  constructor(parameters = argon2Defaults, queue = new BoundedQueue(1, 50)) {
    this.#parameters = parameters
    this.#queue = queue
  }

  async hash(password: string): Promise<string> {
    const salt = randomBytes(16)
    const tag = await this.#derive(password, salt, this.#parameters)

    return phc({ parameters: this.#parameters, salt, tag })
  }

  /** Whether the password is the one. Takes as long where there is no hash to compare with, and is then false. */
  async verify(hash: string | undefined, password: string): Promise<boolean> {
    const expected = parsePhc(hash ?? (await (this.#dummy ??= this.hash(randomBytes(16).toString('hex')))))
    const tag = await this.#derive(password, expected.salt, expected.parameters)

    return timingSafeEqual(tag, expected.tag) && hash !== undefined
  }

  /** Whether the hash was made with other parameters than today's. */
  isOutdated(hash: string): boolean {
    const { parameters } = parsePhc(hash)

    return JSON.stringify(parameters) !== JSON.stringify(this.#parameters)
  }

  #derive(password: string, nonce: Buffer, { memoryKiB, passes, lanes }: Argon2Parameters): Promise<Buffer> {
    // The same text can be written with different code points; people cannot see which their keyboard sent.
    const message = Buffer.from(password.normalize('NFKC'))

    return this.#queue.run(() =>
      derive('argon2id', { message, nonce, parallelism: lanes, tagLength, memory: memoryKiB, passes }),
    )
  }
}

const unpadded = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')

export function phc({ parameters, salt, tag }: PhcString): string {
  const { memoryKiB, passes, lanes } = parameters

  return `$argon2id$v=19$m=${memoryKiB},t=${passes},p=${lanes}$${unpadded(salt)}$${unpadded(tag)}`
}

export function parsePhc(text: string): PhcString {
  const match = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(text)
  if (!match) throw new Error('A stored password hash is not an Argon2id string.')
  const [, memory, passes, lanes, salt, tag] = match

  return {
    parameters: { memoryKiB: Number(memory), passes: Number(passes), lanes: Number(lanes) },
    salt: Buffer.from(salt!, 'base64'),
    tag: Buffer.from(tag!, 'base64'),
  }
}

/** Runs so many at once; refuses more than so many waiting. */
export class BoundedQueue {
  readonly #atOnce: number
  readonly #mostWaiting: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(atOnce: number, mostWaiting: number) {
    this.#atOnce = atOnce
    this.#mostWaiting = mostWaiting
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#atOnce) await this.#turn()
    else this.#running += 1

    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running -= 1
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#mostWaiting) {
      throw new Problem('unavailable', 'Too many are signing in at this moment.', { headers: retryAfter(2_000) })
    }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}
