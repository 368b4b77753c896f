/** A stranger on the same disk: writes until there is no room, and again whenever some is freed. */
import { openSync, writeSync } from 'node:fs'

const file = openSync(process.argv[2]!, 'a')
const pieces = [1 << 20, 1 << 12, 1].map((bytes) => Buffer.alloc(bytes, 'x'))

function fill(): void {
  for (const piece of pieces) while (fits(piece));
}

function fits(piece: Buffer): boolean {
  try {
    writeSync(file, piece)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false
    throw error
  }
}

fill()
process.send?.('full')
setInterval(fill, 1)
process.on('disconnect', () => process.exit(0))
