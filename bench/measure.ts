/** Gives every contender its turns, each on a fresh store in fresh processes. */
import fs from 'node:fs/promises'
import path from 'node:path'
import { runChild } from './child.ts'
import type { EngineName } from './engines/engine.ts'
import type { Backlog, Contender, Figure, Step } from './figures.ts'
import { median, turns } from './order.ts'
import { startRedis } from '../test/servers.ts'

export interface Run {
  /** Everything on disk goes in here. */
  folder: string
  pairs: number
  engines: readonly EngineName[]
  /** The server's program, where BullMQ is among the engines. */
  redis: string | undefined
  backlogJobs: number
  progress(text: string): void
}

/** Medians by contender; those of engines left out of this run have none. */
export type Medians = Map<Contender, number>

export async function measure(figure: Figure, run: Run): Promise<Medians> {
  const contenders = [figure.ours, ...figure.beside.map(({ contender }) => contender)]
  const present = contenders.filter(({ engine }) => run.engines.includes(engine))
  const values = new Map(present.map((contender) => [contender, [] as number[]]))

  for (const index of turns(present.length, run.pairs)) {
    const contender = present[index]!
    run.progress(`${figure.name}: ${contender.label}`)
    values.get(contender)!.push(await takeTurn(contender, figure.loaded, run))
  }

  return new Map([...values].map(([contender, each]) => [contender, median(each)]))
}

async function takeTurn(contender: Contender, loaded: boolean, run: Run): Promise<number> {
  const folder = await fs.mkdtemp(path.join(run.folder, `${contender.engine}-`))

  try {
    if (contender.backlog !== 'none')
      await fs.cp(await backlogFolder(contender.backlog, run), folder, { recursive: true })

    return await onStore(contender.engine, folder, run, (store) => runSteps(contender, contender.steps, store, loaded))
  } finally {
    await fs.rm(folder, { recursive: true, force: true })
  }
}

async function onStore<T>(
  engine: EngineName,
  folder: string,
  run: Run,
  use: (store: string) => Promise<T>,
): Promise<T> {
  if (engine !== 'bullmq' || run.redis === undefined) return use(folder)

  const redis = await startRedis(run.redis)

  try {
    return await use(redis.url)
  } finally {
    await redis.stop()
  }
}

async function runSteps({ engine }: Contender, steps: readonly Step[], store: string, loaded: boolean) {
  let answer = NaN
  for (const step of steps) answer = await runChild({ ...step, engine, store, loaded })

  return answer
}

/** The store of a million jobs, made when it is first asked for. */
async function backlogFolder(backlog: Backlog, run: Run): Promise<string> {
  const folder = path.join(run.folder, `backlog-${backlog}`)
  const made = await fs.mkdir(folder, { recursive: true })
  if (made === undefined) return folder

  run.progress(`filling a store: ${run.backlogJobs.toLocaleString('en')} jobs ${backlog}`)
  const job = { engine: 'errand', store: folder, jobs: run.backlogJobs, loaded: false } as const
  const delay = backlog === 'delayed' ? { delayMs: 86_400_000 } : {}

  await runChild({ ...job, ...delay, stage: 'fill' })
  if (backlog === 'finished') await runChild({ ...job, stage: 'drain' })

  return folder
}
