/** The part of an app that people write tasks with. */
import type { Client } from './client/client.ts'
import { DefinedTask } from './client/defined-task.ts'
import { InvalidOptionError } from './errors.ts'
import type { Runtime } from './runtime.ts'
import type { AnyBatchOptions, BatchHandler, BatchOptions, DeclaredBatch } from './task/batch.ts'
import type { AnyTaskOptions, TaskDefinition } from './task/definition.ts'
import type { InputOf, OutputOf, StandardSchema } from './task/schema.ts'
import type { Fits, Kept, Plain, Stored } from './task/stored.ts'
import type { AnyTask, Declared, Handler, Task, TaskOptions } from './task/task.ts'

export abstract class Defining<Context extends object> {
  readonly #runtime: Runtime
  readonly #client: Client

  constructor(runtime: Runtime, client: Client) {
    this.#runtime = runtime
    this.#client = client
  }

  /**
   * Defines a task. Its `input` schema checks the caller's value when it is enqueued; the worker parses the stored value
   * and hands on what the schema makes of it. Without a schema, the handler's parameter type is the contract.
   *
   * @throws DuplicateTaskError, InvalidOptionError, UnknownOptionError
   */
  task<S extends StandardSchema<any, any>, R>(
    name: string,
    options: TaskOptions<OutputOf<S>> & { input: S; output?: undefined },
    handler: Handler<OutputOf<S>, R, Context> & Fits<Kept<R>>,
  ): Task<InputOf<S>, Stored<R>>
  task<S extends StandardSchema<any, any>, O extends StandardSchema<any, any>>(
    name: string,
    options: TaskOptions<OutputOf<S>> & { input: S; output: O },
    handler: Handler<OutputOf<S>, InputOf<O>, Context>,
  ): Task<InputOf<S>, Stored<OutputOf<O>>>
  task<I = void, R = unknown>(
    name: string,
    options: TaskOptions<I> & { input?: undefined; output?: undefined },
    handler: Handler<I, R, Context> & Fits<Plain<I, R>>,
  ): Task<I, Stored<R>>
  task<I = void, R = unknown>(name: string, handler: Handler<I, R, Context> & Fits<Plain<I, R>>): Task<I, Stored<R>>
  task(name: string, second: AnyTaskOptions | Handler<any, any, any>, third?: unknown): Task<any, any> {
    const [options, handler] = typeof second === 'function' ? [{}, second] : [second, third]
    if (typeof handler !== 'function')
      throw new InvalidOptionError(`the handler of task "${name}"`, handler, 'a function')

    return this.#defined(this.#runtime.registry.add(name, options, handler as Handler<any, any, any>))
  }

  /**
   * Defines a task whose jobs are handled many at a time: they gather in the store until `size` of them are there or the
   * first has waited for `wait`. Each is enqueued, retried, cancelled and read by itself; the handler answers for each.
   *
   * @throws DuplicateTaskError, InvalidOptionError, UnknownOptionError
   */
  batchTask<S extends StandardSchema<any, any>, R>(
    name: string,
    options: BatchOptions<OutputOf<S>> & { input: S; output?: undefined },
    handler: BatchHandler<OutputOf<S>, R, Context>,
  ): Task<InputOf<S>, Stored<R>>
  batchTask<S extends StandardSchema<any, any>, O extends StandardSchema<any, any>>(
    name: string,
    options: BatchOptions<OutputOf<S>> & { input: S; output: O },
    handler: BatchHandler<OutputOf<S>, InputOf<O>, Context>,
  ): Task<InputOf<S>, Stored<OutputOf<O>>>
  batchTask<I, R>(
    name: string,
    options: BatchOptions<I> & { input?: undefined; output?: undefined },
    handler: BatchHandler<I, R, Context> & Fits<Plain<I>>,
  ): Task<I, Stored<R>>
  batchTask(name: string, options: AnyBatchOptions, handler: unknown): Task<any, any> {
    if (typeof handler !== 'function')
      throw new InvalidOptionError(`the handler of batch task "${name}"`, handler, 'a function')

    return this.#defined(this.#runtime.registry.addBatch(name, options, handler as BatchHandler<any, unknown, any>))
  }

  /**
   * A task whose handler is given elsewhere with `handle`, so that who only enqueues need not load what only workers use.
   * What it returns is told by an `output` schema or by `.returns<R>()`.
   */
  declare<S extends StandardSchema<any, any>, O extends StandardSchema<any, any>>(
    name: string,
    options: TaskOptions<OutputOf<S>> & { input: S; output: O },
  ): Declared<InputOf<S>, OutputOf<S>, Stored<OutputOf<O>>, InputOf<O>>
  declare<S extends StandardSchema<any, any>>(
    name: string,
    options: TaskOptions<OutputOf<S>> & { input: S; output?: undefined },
  ): Declared<InputOf<S>, OutputOf<S>, null, void>
  declare<I = void>(
    name: string,
    options?: TaskOptions<I> & { input?: undefined; output?: undefined },
    ...check: Plain<I>
  ): Declared<I, I, null, void>
  declare(name: string, options: AnyTaskOptions = {}): Declared<any, any, any, any> {
    return this.#declaration(this.#runtime.registry.add(name, options, undefined))
  }

  /** A batch task whose handler is given elsewhere with `handle`; otherwise as `declare`. */
  declareBatch<S extends StandardSchema<any, any>, O extends StandardSchema<any, any>>(
    name: string,
    options: BatchOptions<OutputOf<S>> & { input: S; output: O },
  ): DeclaredBatch<InputOf<S>, OutputOf<S>, Stored<OutputOf<O>>, InputOf<O>>
  declareBatch<S extends StandardSchema<any, any>>(
    name: string,
    options: BatchOptions<OutputOf<S>> & { input: S; output?: undefined },
  ): DeclaredBatch<InputOf<S>, OutputOf<S>, null, void>
  declareBatch<I>(
    name: string,
    options: BatchOptions<I> & { input?: undefined; output?: undefined },
    ...check: Plain<I>
  ): DeclaredBatch<I, I, null, void>
  declareBatch(name: string, options: AnyBatchOptions): DeclaredBatch<any, any, any, any> {
    return this.#declaration(this.#runtime.registry.addBatch(name, options, undefined))
  }

  /**
   * Gives a declared task its handler.
   *
   * @throws HandlerError if it has one, UnknownTaskError if another app declared it
   */
  handle<I, O, R, H>(task: Declared<I, O, R, H>, handler: Handler<O, H, Context>): void
  handle<I, O, R, H>(task: DeclaredBatch<I, O, R, H>, handler: BatchHandler<O, H, Context>): void
  handle(task: AnyTask, handler: Handler<any, any, any> | BatchHandler<any, any, any>): void {
    this.#runtime.registry.handle(task.name, handler)
  }

  #defined(definition: TaskDefinition): DefinedTask {
    return new DefinedTask(this.#runtime, this.#client, definition)
  }

  #declaration(definition: TaskDefinition): any {
    const task = this.#defined(definition)

    return Object.assign(task, { returns: () => task })
  }
}
