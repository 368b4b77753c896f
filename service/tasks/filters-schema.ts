/** Filters of a data request, checked by the same rules that apply them. */
import { z } from '@hono/zod-openapi'
import { InvalidRequestError } from '../data/errors.ts'
import { checkFilters, type Filters as DataFilters } from '../data/filters.ts'

const bytes = 64 * 1024

export const Filters = z
  .custom<DataFilters>(
    (value) => value !== null && typeof value === 'object' && !Array.isArray(value),
    'expected an object',
  )
  .superRefine((value, context) => {
    if (Buffer.byteLength(JSON.stringify(value)) > bytes) {
      return context.addIssue({ code: 'custom', message: `expected at most ${bytes} bytes` })
    }
    try {
      checkFilters(value)
    } catch (error) {
      if (!(error instanceof InvalidRequestError)) throw error
      context.addIssue({ code: 'custom', message: error.message, path: [...error.path] })
    }
  })
  .openapi({
    type: 'object',
    additionalProperties: true,
    description:
      'By field: a value it must equal, or a range `{"min": …, "max": …}` with both ends included. Any other object is refused',
    example: { active: true },
  })
