/**
 * Seeds that once broke a promise, each with its story. What a seed plays changes with the simulator, so that the
 * proof of each mending is a test of its own; these are kept because they cost next to nothing.
 */
import type { Engine } from './place.ts'

export interface Regression {
  readonly engine: Engine
  readonly seed: number
  readonly story: string
}

export const regressions: readonly Regression[] = [
  {
    engine: 'memory',
    seed: 2203,
    story: 'A worker froze with an answer under way and started it after its lease: test/worker/late-answers.test.ts.',
  },
  {
    engine: 'memory',
    seed: 5133,
    story:
      'The store was away, and a worker went on starting what it had claimed ahead: test/worker/late-answers.test.ts.',
  },
  {
    engine: 'memory',
    seed: 60_318,
    story: 'The answer to a resync came late, and what it named was started at once: test/worker/late-answers.test.ts.',
  },
  {
    engine: 'memory',
    seed: 107_331,
    story: 'When a job first started was forgotten after an error of the store that had no code.',
  },
]
