/** Undoing what must not outlive this process: mounts, folders, children, frozen ones too. Also where it is interrupted. */
const open: (() => void)[] = []

/** Remembers how to undo something. The function it gives does it at once, and never again. */
export function undoLater(undo: () => void): () => void {
  if (open.length === 0) listen()
  open.push(undo)

  return () => {
    const index = open.indexOf(undo)
    if (index < 0) return
    open.splice(index, 1)
    undo()
  }
}

let listening = false

function listen(): void {
  if (listening) return
  listening = true
  process.once('exit', undoAll)
  // Without a listener a signal ends the process at once, and nobody undoes anything.
  process.once('SIGINT', () => process.exit(130))
  process.once('SIGTERM', () => process.exit(143))
}

/** The last first. */
function undoAll(): void {
  for (const undo of open.toReversed()) {
    try {
      undo()
    } catch (error) {
      console.error(`Could not clear up: ${(error as Error).message}`)
    }
  }
}
