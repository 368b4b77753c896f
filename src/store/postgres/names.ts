/**
 * Names of queues and tasks are numbers in the tables; this process remembers which, for one life of one store. Whatever
 * brings numbers there says of which life they are, and is refused if the store was dropped and made anew meanwhile.
 */
import { StoreBusyError } from '../../errors.ts'
import { raised, type Statements } from './statements.ts'

interface Named {
  readonly kind: 'q' | 't'
  readonly no: number
  readonly name: string
  readonly mark: string
}

interface Job {
  readonly queue: string
  readonly task: string
}

/** How often numbers are asked for anew. */
const lives = 3

class Numbers {
  readonly #byName = new Map<string, number>()
  readonly #byNumber = new Map<number, string>()

  add(no: number, name: string): void {
    this.#byName.set(name, no)
    this.#byNumber.set(no, name)
  }

  clear(): void {
    this.#byName.clear()
    this.#byNumber.clear()
  }

  of(name: string): number | undefined {
    return this.#byName.get(name)
  }

  name(no: number): string | undefined {
    return this.#byNumber.get(no)
  }
}

/** The numbers of names, which are there by the time they are asked for. */
export type Numbered = Pick<Names, 'queueNo' | 'taskNo' | 'mark'>

export class Names {
  readonly #statements: Statements
  readonly #queues = new Numbers()
  readonly #tasks = new Numbers()
  #mark = ''

  constructor(statements: Statements) {
    this.#statements = statements
  }

  /** Which life of the store the numbers are of. */
  get mark(): string {
    return this.#mark
  }

  /** What is remembered of another life is forgotten. */
  seen(mark: string): void {
    if (mark === this.#mark) return
    this.#mark = mark
    this.#queues.clear()
    this.#tasks.clear()
  }

  async lookAnew(): Promise<void> {
    const { mark } = await this.#statements.one<{ mark: string }>('select errand.mark_of_store() as mark')
    this.seen(mark)
  }

  /** Sends what has numbers of these names in it; again with new ones if the store was made anew, since nothing has happened then. */
  async numbered<Answer>(jobs: Iterable<Job>, send: () => Promise<Answer>): Promise<Answer> {
    const named = [...jobs]
    for (let life = 1; ; life++) {
      for (let asking = this.know(named); asking; asking = this.know(named)) await asking
      try {
        return await send()
      } catch (error) {
        if (raised(error) !== 'ER007' || life === lives) throw error
        await this.lookAnew()
      }
    }
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
  know(jobs: Iterable<Job>): Promise<void> | undefined {
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
      this.#add(
        await this.#statements.all<Named>('select *, errand.mark_of_store() as mark from errand.names_now($1, $2)', [
          queues,
          tasks,
        ]),
      )
    } catch (error) {
      if (!(error instanceof StoreBusyError)) throw error
    }
  }

  async #number(queues: ReadonlySet<string>, tasks: ReadonlySet<string>): Promise<void> {
    this.#add(
      await this.#statements.all<Named>('select *, errand.mark_of_store() as mark from errand.names($1, $2)', [
        [...queues],
        [...tasks],
      ]),
    )
  }

  /** Makes sure that these numbers have names. */
  async knowNumbers(queues: Iterable<number>, tasks: Iterable<number>): Promise<void> {
    const unknownQueues = [...new Set(queues)].filter((no) => this.#queues.name(no) === undefined)
    const unknownTasks = [...new Set(tasks)].filter((no) => this.#tasks.name(no) === undefined)
    if (unknownQueues.length + unknownTasks.length === 0) return

    const text = `select 'q' as kind, no, name, errand.mark_of_store() as mark from errand.queue where no = any ($1::int[])
      union all select 't', no, name, errand.mark_of_store() from errand.task where no = any ($2::int[])`
    this.#add(await this.#statements.all<Named>(text, [unknownQueues, unknownTasks]))
  }

  #add(named: readonly Named[]) {
    if (named[0]) this.seen(named[0].mark)
    for (const { kind, no, name } of named) (kind === 'q' ? this.#queues : this.#tasks).add(no, name)
  }
}
