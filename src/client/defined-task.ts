/** A task as its app hands it out. */
import type { Client } from './client.ts'
import { stepOptionNames, type EnqueueOptions } from './enqueue-options.ts'
import type { JobHandle } from './handle.ts'
import { StoredJob } from './stored-job.ts'
import { InvalidOptionError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import type { Runtime } from '../runtime.ts'
import { copied } from '../task/copied.ts'
import { nameOf, type TaskDefinition } from '../task/definition.ts'
import { stepOf, type FlowNode, type Step, type StepOptions } from '../task/step.ts'
import type { Task } from '../task/task.ts'

export class DefinedTask implements Task<any, any> {
  readonly name: string
  readonly #runtime: Runtime
  readonly #client: Client
  readonly #definition: TaskDefinition

  constructor(runtime: Runtime, client: Client, definition: TaskDefinition) {
    this.name = definition.name
    this.#runtime = runtime
    this.#client = client
    this.#definition = definition
  }

  enqueue(input?: unknown, options?: EnqueueOptions): Promise<JobHandle<any>> {
    return this.#client.enqueue(this.#definition, input, options)
  }

  async enqueueMany(
    inputs: readonly unknown[],
    options?: Omit<EnqueueOptions, 'id' | 'unique'>,
  ): Promise<JobHandle<any>[]> {
    return this.#client.enqueueMany(this.#definition, inputs, options)
  }

  get '~flow'(): FlowNode {
    return { kind: 'task', task: this.name, given: 'none' }
  }

  with(input?: unknown, options?: StepOptions): Step<void, any> {
    return stepOf({
      kind: 'task',
      task: this.name,
      given: 'all',
      input: copied(input),
      ...(options && { options: storable(this.name, options) }),
    })
  }

  partial(input: object, options?: StepOptions): Step<any, any> {
    return stepOf({
      kind: 'task',
      task: this.name,
      given: 'part',
      input: copied(input),
      ...(options && { options: storable(this.name, options) }),
    })
  }

  job(id: string): JobHandle<any> {
    return new StoredJob(this.#runtime, id, this.name, false)
  }

  on(event: 'succeeded' | 'failed', listener: (value: any, input: any, job: { readonly id: string }) => unknown): this {
    const { bus } = this.#runtime
    if (event === 'succeeded')
      bus.on(event, (end) => end.task === this.name && listener(end.result, end.input, { id: end.id }))
    else if (event === 'failed')
      bus.on(event, (end) => end.task === this.name && listener(end.error, end.input, { id: end.id }))
    else throw new InvalidOptionError('the event', event, "'succeeded' or 'failed'")

    return this
  }
}

/** A step may be kept by a schedule, so its options are plain values. */
function storable(task: string, options: StepOptions): StepOptions {
  checkOptions(options, stepOptionNames, `the options of a step of "${task}"`)
  const { at, expires, onSucceeded, onFailed, ...rest } = options

  return {
    ...rest,
    ...(at !== undefined && { at: at instanceof Date ? at.getTime() : at }),
    ...(expires !== undefined && { expires }),
    ...(onSucceeded !== undefined && { onSucceeded: nameOf(onSucceeded)! }),
    ...(onFailed !== undefined && { onFailed: nameOf(onFailed)! }),
  }
}
