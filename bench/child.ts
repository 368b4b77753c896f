/**
 * One stage in a fresh process of its own, so that no heap, compiled code or cache of one
 * side of a pair is there when the other is measured.
 */
import { fork } from 'node:child_process'
import path from 'node:path'
import type { Assignment, Message } from './assignment.ts'

export interface Child {
  readonly answer: Promise<number>
  onNote(listener: (value: number) => void): void
  /** Lets a child that waits for it go on. */
  tell(): void
}

const entry = path.join(import.meta.dirname, 'stage.ts')

/** No stage takes a tenth of this on a machine that works. */
const limitMs = 600_000

export function startChild(assignment: Assignment): Child {
  const child = fork(entry, {
    execArgv: ['--conditions=errand-source'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    timeout: limitMs,
    killSignal: 'SIGKILL',
  })
  const listeners: ((value: number) => void)[] = []

  const answer = new Promise<number>((resolve, reject) => {
    child.on('message', (message: Message) => {
      if ('note' in message) for (const listener of listeners) listener(message.note)
      else if ('answer' in message) resolve(message.answer)
      else reject(new Error(message.failure))
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      reject(
        new Error(`Stage "${assignment.stage}" of ${assignment.engine} ended without an answer (${signal ?? code})`),
      )
    })
  })

  // Whoever awaits the answer sees the failure; a child that fails while another is awaited must not end this process.
  answer.catch(() => {})
  child.send(assignment)

  return {
    answer,
    onNote: (listener) => void listeners.push(listener),
    tell: () => void child.send('go on'),
  }
}

export function runChild(assignment: Assignment): Promise<number> {
  return startChild(assignment).answer
}
