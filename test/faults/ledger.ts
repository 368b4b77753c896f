/**
 * The ledger: what was asked for, what ran and what was done to the system, written down outside of it.
 *
 * Append-only files in a folder that no fault touches. Every process has files of its own, three
 * kinds of them, and writes each line before it goes on; so a killed process leaves at most one
 * torn line, its last, about something that nobody had learnt of yet. Times are read from the
 * monotonic clock that all processes of a boot share.
 */
import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** What a producer asked for, and what it was answered. */
export type IntentLine =
  | { readonly kind: 'try' | 'ack' | 'unknown'; readonly id: string; readonly at: number }
  | { readonly kind: 'refused'; readonly id: string; readonly at: number; readonly code: string }

/** What a worker did, told by its own process: `by` names one life of one process, `token` one claim of the job. */
export type ExecutionLine = { readonly id: string; readonly by: string; readonly at: number } & (
  | { readonly kind: 'granted' | 'start' | 'end' | 'threw' | 'stale'; readonly token: number }
  /** `settled`: the store has answered that the job is final. `released`: it was given back, or is to be tried again. */
  | { readonly kind: 'settled' | 'released' }
)

/** What the harness did, and what it saw of processes. */
export type ControlLine =
  | { readonly kind: 'fault'; readonly fault: string; readonly by: string; readonly at: number }
  /** Done to the store, or to everybody's way to it: no excuse for a second run. */
  | { readonly kind: 'outage'; readonly fault: string; readonly at: number }
  | { readonly kind: 'healed'; readonly fault: string; readonly by: string; readonly at: number }
  | { readonly kind: 'exit'; readonly by: string; readonly at: number }
  | { readonly kind: 'cancelled'; readonly id: string; readonly at: number }
  | { readonly kind: 'trouble'; readonly by: string; readonly at: number; readonly what: string }

export interface Ledger {
  readonly intent: readonly IntentLine[]
  readonly execution: readonly ExecutionLine[]
  readonly control: readonly ControlLine[]
}

type Kind = keyof Ledger
type Line<K extends Kind> = Ledger[K][number]
/** A line as its writer gives it; the time is added. */
type Untimed<L> = L extends unknown ? Omit<L, 'at'> : never

export const ledgerNow = (): number => Number(process.hrtime.bigint()) / 1e6

export class LedgerWriter {
  readonly #folder: string
  readonly #by: string
  readonly #files = new Map<Kind, number>()

  constructor(folder: string, by: string) {
    this.#folder = folder
    this.#by = by
  }

  /** Written when this returns, whatever becomes of the process. */
  write<K extends Kind>(kind: K, line: Untimed<Line<K>>): void {
    writeSync(this.#file(kind), `${JSON.stringify({ ...line, at: ledgerNow() })}\n`)
  }

  #file(kind: Kind): number {
    const open = this.#files.get(kind) ?? openSync(join(this.#folder, `${this.#by}.${kind}`), 'a')
    this.#files.set(kind, open)

    return open
  }
}

export function readLedger(folder: string): Ledger {
  return {
    intent: linesOf(folder, 'intent'),
    execution: linesOf(folder, 'execution'),
    control: linesOf(folder, 'control'),
  }
}

function linesOf<K extends Kind>(folder: string, kind: K): Line<K>[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(`.${kind}`))
  const lines = files.flatMap((file) => wholeLines(readFileSync(join(folder, file), 'utf8')))

  return lines.map((line) => JSON.parse(line) as Line<K>).toSorted((a, b) => a.at - b.at)
}

/** All but a last line without its end: its writer was killed in the act. */
const wholeLines = (text: string) => text.split('\n').slice(0, -1)
