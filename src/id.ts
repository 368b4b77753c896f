/**
 * Ids: UUIDv7 (RFC 9562), ordered within a process even inside one millisecond.
 *
 * The 12 bits after the version and the first 14 of the random part are a counter
 * that starts at a random place each millisecond; Node's own generator gives no order
 * there. An id is unique by its 48 remaining random bits, drawn anew for each.
 */
const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const poolBytes = 6 * 512
/** Of the counter, what stands after the variant. */
const lowerBits = 14
const lowerMask = (1 << lowerBits) - 1

/** A function that gives a greater UUIDv7 on each call. When the clock goes back, ids go on from the latest moment. */
export function makeIds(now: () => number, random: (bytes: number) => Uint8Array): () => string {
  let latest = 0
  let counter = 0
  let prefix = ''
  /** Up to the variant, with the counter's higher bits. */
  let head = ''
  let digits = ''
  let used = 0

  /** Random hexadecimal digits. */
  function draw(count: number): string {
    if (used + count > digits.length) {
      digits = Buffer.from(random(poolBytes)).toString('hex')
      used = 0
    }
    return digits.slice(used, (used += count))
  }

  function startMillisecond(at: number) {
    latest = at
    counter = Number.parseInt(draw(4), 16)
    const text = at.toString(16).padStart(12, '0')
    prefix = `${text.slice(0, 8)}-${text.slice(8)}-7`
    startHigher()
  }

  function startHigher() {
    head = `${prefix}${(counter >>> lowerBits).toString(16).padStart(3, '0')}-`
  }

  return () => {
    const at = now()
    if (at > latest) startMillisecond(at)
    // 26 bits of counter, begun within the lowest 16, leave room for 67 million ids in a millisecond.
    else if (++counter >= 1 << 26) startMillisecond(latest + 1)
    else if ((counter & lowerMask) === 0) startHigher()

    const lower = counter & lowerMask
    // Short texts first: only long ones are put together later, piece by piece, when they are read.
    return head + (hex[0x80 | (lower >>> 8)]! + hex[lower & 0xff]! + '-' + draw(12))
  }
}

const hyphen = 45

/** True for a UUID in its canonical form, lower case. */
export function isUuid(id: string): boolean {
  if (id.length !== 36) return false

  for (let at = 0; at < 36; at++) {
    const code = id.charCodeAt(at)
    if (at === 8 || at === 13 || at === 18 || at === 23) {
      if (code !== hyphen) return false
    } else if (!((code >= 48 && code <= 57) || (code >= 97 && code <= 102))) return false
  }
  return true
}
