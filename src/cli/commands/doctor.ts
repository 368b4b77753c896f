/** `errand doctor`: what would keep jobs from running, before it does. */
import type { WorkerInfo } from '../../client/worker-info.ts'
import type { Errand } from '../../errand.ts'
import { oldestNode } from '../../store/open.ts'
import type { Inspection } from '../../store/store.ts'
import { exitCodeOf, exitCodes } from '../failures.ts'
import { nameYours, type Invocation } from '../invocation.ts'
import type { Style } from '../output/table.ts'
import { count, isAlive, unservedQueues, unservedSentence } from '../unserved.ts'

/** The first SQLite without the fault that could damage a file shared by several processes. */
const oldestSqlite = [3, 51, 3]

export async function run(invocation: Invocation): Promise<number> {
  const { findings: ofStore, code } = await storeFindings(invocation)
  const findings = [
    versionFinding('Node', process.versions.node, oldestNode.split('.').map(Number)),
    versionFinding('SQLite', process.versions.sqlite ?? '0', oldestSqlite),
    ...ofStore,
  ]

  invocation.out.rows(findings, columns)
  const bad = findings.filter(({ verdict }) => verdict === 'bad').length
  const warnings = findings.filter(({ verdict }) => verdict === 'warning').length
  invocation.out.say(bad + warnings === 0 ? 'All good.' : `${bad} bad, ${count(warnings, 'warning')}.`)

  return code ?? (bad > 0 ? exitCodes.error : exitCodes.ok)
}

/** Exported for its test. */
export function versionFinding(subject: string, version: string, oldest: readonly number[]): Inspection {
  const parts = version.split('.').map((part) => Number.parseInt(part, 10))
  const differing = oldest.findIndex((part, index) => (parts[index] ?? 0) !== part)
  const old = differing !== -1 && (parts[differing] ?? 0) < oldest[differing]!

  return {
    subject,
    verdict: old ? 'bad' : 'good',
    detail: old ? `${version}; Errand needs ${oldest.join('.')} or newer. Upgrade Node, which brings SQLite.` : version,
  }
}

/** `code`: where the store cannot be used, what that means to the caller of a program. */
async function storeFindings(invocation: Invocation): Promise<{ findings: Inspection[]; code?: number }> {
  try {
    const { errand, alone } = await invocation.any()
    const missing = await errand.missing()
    if (missing !== undefined && opensByMaking(errand)) {
      const { findings, ...rest } = withoutStore(missing, alone)
      return { findings: [...findings, ...(await errand.inspectServer())], ...rest }
    }
    await errand.open()

    const opened: Inspection =
      missing === undefined
        ? { subject: 'store', verdict: 'good', detail: errand.place }
        : { subject: 'store', verdict: 'warning', detail: missing }
    return { findings: [opened, ...(await errand.inspect()), ...(await workFindings(errand))] }
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    return { findings: [{ subject: 'store', verdict: 'bad', detail }], code: exitCodeOf(error) }
  }
}

/** Redis keeps nothing of a store before its first job, so there the server can be looked at all the same. */
const opensByMaking = ({ place }: Errand<any>) => !place.startsWith('redis')

/** An app's own store is made by the first process that uses it; one that somebody named is not where they think. */
function withoutStore(missing: string, alone: boolean): { findings: Inspection[]; code?: number } {
  if (alone)
    return {
      findings: [{ subject: 'store', verdict: 'bad', detail: `${missing} ${nameYours}` }],
      code: exitCodes.store,
    }

  const detail = `${missing} The first process that enqueues or works makes it.`
  return { findings: [{ subject: 'store', verdict: 'warning', detail }] }
}

async function workFindings(errand: Errand<any>): Promise<Inspection[]> {
  const [queues, joined] = [await errand.queues(), await errand.workers()]
  const workers = joined.filter(isAlive)
  const silent = joined.filter((worker) => !isAlive(worker))
  const paused = queues.filter((queue) => queue.paused)

  return [
    aliveFinding(workers),
    ...(silent.length > 0 ? [silentFinding(silent)] : []),
    ...unservedQueues(queues, workers, errand.tasks).map((unserved): Inspection => ({
      subject: `queue ${unserved.queue}`,
      verdict: 'warning',
      detail: unservedSentence(unserved),
    })),
    ...paused.map(({ name }): Inspection => ({
      subject: `queue ${name}`,
      verdict: 'warning',
      detail: `It is paused. Go on with: errand queues resume ${name}`,
    })),
    ...(await strandedFindings(errand, workers)),
  ]
}

function aliveFinding(workers: readonly WorkerInfo[]): Inspection {
  if (workers.length === 0)
    return { subject: 'workers', verdict: 'warning', detail: 'None is alive. Start one: errand worker' }
  const detail = `${count(workers.length, 'worker')} alive, ${count(runningIn(workers), 'job')} running: ${namesOf(workers)}`

  return { subject: 'workers', verdict: 'good', detail }
}

/** Only workers look after a store, so where none runs the dead are not found out. */
function silentFinding(workers: readonly WorkerInfo[]): Inspection {
  const [are, their] = workers.length === 1 ? ['is', 'its'] : ['are', 'their']
  const detail = `${count(workers.length, 'worker')} ${are} silent for longer than ${their} lease, with ${count(runningIn(workers), 'job')}: ${namesOf(workers)}. A running worker takes such jobs back within seconds.`

  return { subject: 'silent', verdict: 'warning', detail }
}

const runningIn = (workers: readonly WorkerInfo[]) => workers.reduce((sum, { running }) => sum + running, 0)
const namesOf = (workers: readonly WorkerInfo[]) => workers.map(({ name }) => name).join(', ')

/** Waiting jobs of tasks that no worker handles: a mistyped name in a trigger, or a release that is not out yet. */
async function strandedFindings(
  errand: Errand<any>,
  workers: readonly { readonly tasks: readonly string[] }[],
): Promise<Inspection[]> {
  if (workers.length === 0) return []
  const handled = new Set(workers.flatMap(({ tasks }) => tasks))
  const { jobs } = await errand.jobs({ state: ['ready', 'scheduled'], limit: 500 })
  const waiting = Map.groupBy(
    jobs.filter(({ task }) => !handled.has(task) && !task.startsWith('errand.')),
    ({ task }) => task,
  )

  return [...waiting].map(([task, { length }]) => ({
    subject: `task ${task}`,
    verdict: 'warning',
    detail: `No worker that is alive handles it, and ${count(length, 'job')} of it ${length === 1 ? 'waits' : 'wait'}: workers give such jobs back. Check the name, or start a worker whose code has it.`,
  }))
}

const verdictStyles: Readonly<Record<Inspection['verdict'], Style>> = { good: 'green', warning: 'yellow', bad: 'red' }

const columns = [
  { title: 'subject', value: ({ subject }: Inspection) => subject },
  {
    title: 'verdict',
    value: ({ verdict }: Inspection) => verdict,
    style: ({ verdict }: Inspection) => verdictStyles[verdict],
  },
  { title: 'detail', value: ({ detail }: Inspection) => detail, flexible: false },
]
