/** Names of queues and tasks are numbers in the tables; this process remembers which. They never change. */
import { StoreBusyError } from '../../errors.ts'
import type { Statements } from './statements.ts'

interface Named {
  readonly kind: 'q' | 't'
  readonly no: number
  readonly name: string
}

class Numbers {
  readonly #byName = new Map<string, number>()
  readonly #byNumber = new Map<number, string>()

  add(no: number, name: string): void {
    this.#byName.set(name, no)
    this.#byNumber.set(no, name)
  }

  of(name: string): number | undefined {
    return this.#byName.get(name)
  }

  name(no: number): string | undefined {
    return this.#byNumber.get(no)
  }
}

/** The numbers of names, which are there by the time they are asked for. */
export type Numbered = Pick<Names, 'queueNo' | 'taskNo'>

export class Names {
  readonly #statements: Statements
  readonly #queues = new Numbers()
  readonly #tasks = new Numbers()

  constructor(statements: Statements) {
    this.#statements = statements
  }

  /** Call `know` first. */
  queueNo(name: string): number {
    return this.#queues.of(name)!
  }

  taskNo(name: string): number {
    return this.#tasks.of(name)!
  }

  queue(no: number): string | undefined {
    return this.#queues.name(no)
  }

  task(no: number): string | undefined {
    return this.#tasks.name(no)
  }

  /** Makes sure that these have numbers; nothing to wait for once they are known. */
  know(jobs: Iterable<{ readonly queue: string; readonly task: string }>): Promise<void> | undefined {
    let [queues, tasks]: [Set<string>?, Set<string>?] = []
    for (const { queue, task } of jobs) {
      if (this.#queues.of(queue) === undefined) (queues ??= new Set()).add(queue)
      if (this.#tasks.of(task) === undefined) (tasks ??= new Set()).add(task)
    }
    return queues || tasks ? this.#number(queues ?? new Set(), tasks ?? new Set()) : undefined
  }

  /** The same, unless that would wait for a transaction that is bringing them. */
  async knowNow(queues: readonly string[], tasks: readonly string[]): Promise<void> {
    try {
      this.#add(await this.#statements.all<Named>('select * from errand.names_now($1, $2)', [queues, tasks]))
    } catch (error) {
      if (!(error instanceof StoreBusyError)) throw error
    }
  }

  async #number(queues: ReadonlySet<string>, tasks: ReadonlySet<string>): Promise<void> {
    this.#add(await this.#statements.all<Named>('select * from errand.names($1, $2)', [[...queues], [...tasks]]))
  }

  /** Makes sure that these numbers have names. */
  async knowNumbers(queues: Iterable<number>, tasks: Iterable<number>): Promise<void> {
    const unknownQueues = [...new Set(queues)].filter((no) => this.#queues.name(no) === undefined)
    const unknownTasks = [...new Set(tasks)].filter((no) => this.#tasks.name(no) === undefined)
    if (unknownQueues.length + unknownTasks.length === 0) return

    const text = `select 'q' as kind, no, name from errand.queue where no = any ($1::int[])
      union all select 't', no, name from errand.task where no = any ($2::int[])`
    this.#add(await this.#statements.all<Named>(text, [unknownQueues, unknownTasks]))
  }

  #add(named: readonly Named[]) {
    for (const { kind, no, name } of named) (kind === 'q' ? this.#queues : this.#tasks).add(no, name)
  }
}
