/** The workflows of a store, as far as their last steps tell. */
import type { PageOptions } from '../client/queries.ts'
import { checkOptions } from '../options.ts'
import type { JobRecord, Store } from '../store/store.ts'
import { anyWorkflowTag } from './note.ts'
import { notedRecord, type WorkflowState } from './overview.ts'
import { rootError } from './causes.ts'

/** A workflow, as far as its last step tells. */
export interface WorkflowSummary {
  readonly id: string
  readonly name: string
  /** `unfinished`: look at its graph to see how far it is. */
  readonly state: Exclude<WorkflowState, 'waiting' | 'running'> | 'unfinished'
  /** Steps it had at its start. */
  readonly total: number
  readonly createdAt: Date
  readonly finishedAt?: Date
}

/** One page of workflows. */
export interface WorkflowsPage {
  /** Newest first. */
  readonly workflows: readonly WorkflowSummary[]
  /** Left out on the last page. */
  readonly cursor?: string
}

export async function findWorkflows(store: Store, options: Omit<PageOptions, 'reveal'>): Promise<WorkflowsPage> {
  checkOptions(options, ['limit', 'cursor'], 'the options of `workflows`')
  const { limit = 50, cursor } = options
  const page = await store.find({ tag: anyWorkflowTag, limit }, cursor)
  const workflows = await Promise.all(page.jobs.map((record) => summary(store, record)))

  return page.cursor === undefined ? { workflows } : { workflows, cursor: page.cursor }
}

async function summary(store: Store, record: JobRecord): Promise<WorkflowSummary> {
  const { note } = notedRecord(record)
  const { id, task, createdAt, finishedAt } = record

  return {
    id,
    name: note?.name ?? task,
    state: await stateOf(store, record),
    total: note?.total ?? 1,
    createdAt: new Date(createdAt),
    ...(finishedAt !== undefined && { finishedAt: new Date(finishedAt) }),
  }
}

async function stateOf(store: Store, { id, state, because }: JobRecord): Promise<WorkflowSummary['state']> {
  if (state === 'succeeded' || state === 'failed' || state === 'expired') return state
  if (state !== 'cancelled') return 'unfinished'

  return because !== undefined && (await rootError(store, id)) ? 'failed' : 'cancelled'
}
