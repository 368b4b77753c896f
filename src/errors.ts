/**
 * Every error of Errand. Branch on the class or on `code`, never on the text; each
 * code has its heading in docs/reference/errors.md.
 */
export * from './errors/error.ts'
export * from './errors/handler.ts'
export * from './errors/input.ts'
export * from './errors/job.ts'
export * from './errors/store.ts'
