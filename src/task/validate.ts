/** Checking inputs against a task's schema, at both ends. */
import { InvalidInputError, InvalidResultError } from '../errors.ts'
import type { TaskDefinition } from './definition.ts'
import { plainIssues, type SchemaResult } from './schema.ts'

function outputOf(task: TaskDefinition, result: SchemaResult<unknown>): unknown {
  if (result.issues) throw new InvalidInputError(task.name, plainIssues(result.issues))

  return result.value
}

/**
 * What the schema makes of the input; the input itself where there is none. Only a promise where the schema gives one.
 *
 * @throws InvalidInputError
 */
export function parseInput(task: TaskDefinition, input: unknown): unknown {
  if (!task.input) return input
  const result = task.input['~standard'].validate(input)

  return result instanceof Promise ? result.then((late) => outputOf(task, late)) : outputOf(task, result)
}

function resultOf(task: TaskDefinition, result: SchemaResult<unknown>): unknown {
  if (result.issues) throw new InvalidResultError(task.name, plainIssues(result.issues))

  return result.value
}

/**
 * What the output schema makes of a result; the result itself where there is none. Only a promise where the schema
 * gives one.
 *
 * @throws InvalidResultError
 */
export function parseResult(task: TaskDefinition, result: unknown): unknown {
  if (!task.output) return result
  const parsed = task.output['~standard'].validate(result)

  return parsed instanceof Promise ? parsed.then((late) => resultOf(task, late)) : resultOf(task, parsed)
}
