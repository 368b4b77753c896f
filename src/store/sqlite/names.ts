/**
 * The numbers of queues, tasks and retention classes, which are few: kept in memory once met.
 *
 * What a transaction added must be forgotten when it is rolled back, since the row is gone by then.
 */
import type { Query, Statements } from './statements.ts'

const queueKind = 0
const taskKind = 1

export class Names {
  readonly #sql: Statements
  readonly #queues = new Map<string, number>()
  readonly #tasks = new Map<string, number>()
  readonly #names = new Map<number, string>()
  readonly #keeps = new Map<string, number>()
  readonly #keepById = new Map<number, { succeeded: number; failed: number }>()

  constructor(sql: Statements) {
    this.#sql = sql
  }

  forget(): void {
    for (const known of [this.#queues, this.#tasks, this.#names, this.#keeps, this.#keepById]) known.clear()
  }

  /** The queue's number, added when it is new. Only within a writing step. */
  queue(name: string): number {
    return this.#queues.get(name) ?? this.#learn(this.#queues, queueKind, name, true)!
  }

  findQueue(name: string): number | undefined {
    return this.#queues.get(name) ?? this.#learn(this.#queues, queueKind, name, false)
  }

  /** The task's number, added when it is new. Only within a writing step. */
  task(name: string): number {
    return this.#tasks.get(name) ?? this.#learn(this.#tasks, taskKind, name, true)!
  }

  findTask(name: string): number | undefined {
    return this.#tasks.get(name) ?? this.#learn(this.#tasks, taskKind, name, false)
  }

  name(id: number): string {
    return this.#names.get(id) ?? this.#read(id)
  }

  /** The number of a retention class. Callers may use odd ones, so this cache has a limit. */
  keep(succeeded: number, failed: number): number {
    const key = `${succeeded} ${failed}`
    let id = this.#keeps.get(key)
    if (id !== undefined) return id

    if (this.#keeps.size > 1000) this.#keeps.clear()
    id = number(this.#sql.findKeep.get(succeeded, failed)) ?? number(this.#sql.addKeep.get(succeeded, failed))!
    this.#keeps.set(key, id)
    return id
  }

  keepMs(id: number, succeeded: boolean): number {
    let keep = this.#keepById.get(id)
    if (!keep) {
      if (this.#keepById.size > 1000) this.#keepById.clear()
      keep = this.#sql.keepById.get(id) as { succeeded: number; failed: number }
      this.#keepById.set(id, keep)
    }
    return succeeded ? keep.succeeded : keep.failed
  }

  #learn(known: Map<string, number>, kind: number, name: string, add: boolean): number | undefined {
    const id =
      number(this.#sql.findName.get(kind, name)) ?? (add ? number(this.#sql.addName.get(kind, name)) : undefined)
    if (id === undefined) return undefined

    known.set(name, id)
    this.#names.set(id, name)
    return id
  }

  #read(id: number): string {
    const { name } = this.#sql.nameById.get(id) as { name: string }
    this.#names.set(id, name)
    return name
  }
}

const number = (row: ReturnType<Query['get']>) => (row as { id: number } | undefined)?.id
