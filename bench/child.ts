/**
 * One stage in a fresh process of its own, so that no heap, compiled code or cache of one
 * side of a pair is there when the other is measured.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Assignment, Message } from './assignment.ts'
import { isPython } from './sides/names.ts'

export interface Child {
  readonly answer: Promise<number>
  /** Resolves when the process is gone, and with it what it had open. */
  readonly ended: Promise<unknown>
  onNote(listener: (value: number) => void): void
  /** Lets a child that waits for it go on. */
  tell(): void
}

/** A child and how to say something to it. What it says comes as its event `message`. */
interface Line {
  child: ChildProcess
  readonly say: (words: unknown) => void
}

/** No stage takes a tenth of this on a machine that works. */
const limits = { timeout: 600_000, killSignal: 'SIGKILL' } as const

export function startChild(assignment: Assignment): Child {
  // Stages that start several children of a side are Node's for all sides.
  const python = isPython(assignment.side) && assignment.stage !== 'drain-by'
  const { child, say } = python ? startPython() : startNode()
  const listeners: ((value: number) => void)[] = []

  const answer = new Promise<number>((resolve, reject) => {
    child.on('message', (message: Message) => {
      if ('note' in message) for (const listener of listeners) listener(message.note)
      else if ('answer' in message) resolve(message.answer)
      else reject(new Error(message.failure))
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      reject(new Error(`Stage "${assignment.stage}" of ${assignment.side} ended without an answer (${signal ?? code})`))
    })
  })

  const ended = new Promise((resolve) => child.once('exit', resolve))

  // Whoever awaits the answer sees the failure; a child that fails while another is awaited must not end this process.
  answer.catch(() => {})
  say(assignment)

  return {
    answer,
    ended,
    onNote: (listener) => void listeners.push(listener),
    tell: () => say('go on'),
  }
}

export async function runChild(assignment: Assignment): Promise<number> {
  const { answer, ended } = startChild(assignment)
  const value = await answer
  await ended

  return value
}

function startNode(): Line {
  const child = fork(path.join(import.meta.dirname, 'stage.ts'), {
    execArgv: ['--conditions=errand-source'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    ...limits,
  })

  return { child, say: (words) => void (child.connected && child.send(words as object)) }
}

/** Speaks lines of JSON. Which Python has the peers was found out before, and said in `PYTHON`. */
function startPython(): Line {
  const program = process.env.PYTHON ?? 'python3'
  const entry = path.join(import.meta.dirname, 'python', 'stage.py')
  const child = spawn(program, ['-u', entry], { stdio: ['pipe', 'pipe', 'inherit'], ...limits })

  createInterface({ input: child.stdout }).on('line', (line) => child.emit('message', JSON.parse(line)))
  // It may have ended before it is told to.
  child.stdin.on('error', () => {})

  return { child, say: (words) => void child.stdin.write(`${JSON.stringify(words)}\n`) }
}
