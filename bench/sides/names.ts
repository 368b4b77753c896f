/** Who takes part, and what they run on. */

export const engineNames = ['sqlite', 'redis', 'postgres'] as const
/** What keeps the jobs. */
export type EngineName = (typeof engineNames)[number]

export const nodeNames = ['errand', 'plainjob', 'bullmq', 'graphile-worker', 'pg-boss'] as const
/** A side that is driven from here. */
export type NodeName = (typeof nodeNames)[number]

export const pythonNames = ['celery', 'rq'] as const
/** A side whose stages are programs in python/. */
export type PythonName = (typeof pythonNames)[number]

export const sideNames = [...nodeNames, ...pythonNames] as const
export type SideName = NodeName | PythonName
export type PeerName = Exclude<SideName, 'errand'>

/** What each peer runs on; Errand runs on all. */
export const homes: Record<PeerName, EngineName> = {
  plainjob: 'sqlite',
  bullmq: 'redis',
  'graphile-worker': 'postgres',
  'pg-boss': 'postgres',
  celery: 'redis',
  rq: 'redis',
}

export function isPython(side: SideName): side is PythonName {
  return pythonNames.some((name) => name === side)
}
