/** Single keys at the terminal of `errand dev`. */

export interface KeyActions {
  readonly restart: () => void
  readonly quit: () => void
}

/** Listens until the function it gives is called. */
export function listenToKeys({ restart, quit }: KeyActions): () => void {
  const { stdin } = process
  const onKey = (bytes: Buffer) => {
    for (const key of bytes.toString('latin1')) {
      if (key === 'r') restart()
      else if (key === 'c') process.stderr.write('\u001b[2J\u001b[3J\u001b[H')
      // A terminal that hands over single keys hands over Ctrl-C as one of them.
      else if (key === 'q' || key === '\u0003') quit()
    }
  }

  process.stderr.write('r restart · c clear · q quit\n')
  stdin.setRawMode(true)
  stdin.resume()
  stdin.on('data', onKey)

  return () => {
    stdin.off('data', onKey)
    stdin.setRawMode(false)
    stdin.pause()
  }
}
