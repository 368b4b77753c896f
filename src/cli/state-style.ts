import type { JobState } from '../job.ts'
import type { Style } from './output/table.ts'

const styles: Partial<Record<JobState, Style>> = {
  succeeded: 'green',
  failed: 'red',
  expired: 'yellow',
  running: 'cyan',
  cancelled: 'dim',
}

/** The colour of a state, the same wherever it is printed. */
export const stateStyle = (state: JobState): Style | undefined => styles[state]
