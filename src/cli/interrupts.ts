/** Ctrl-C and SIGTERM, for commands that wait. */
import { InterruptedError } from './failures.ts'

/** While `wait` runs, the first signal aborts the one it is handed; a second ends the process at once. */
export async function interruptible<T>(wait: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupted = new AbortController()
  const onSignal = () => {
    if (interrupted.signal.aborted) process.exit(130)
    interrupted.abort(new InterruptedError())
  }
  // Waiting for a store keeps no process alive by itself.
  const alive = setInterval(() => {}, 60_000)
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  try {
    return await wait(interrupted.signal)
  } finally {
    clearInterval(alive)
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
}
