/** Gives every contender its turns, each on a fresh store in fresh processes. */
import { runChild } from './child.ts'
import type { Backlog, Contender, Figure, Step } from './figures/figure.ts'
import { median, turns } from './order.ts'
import type { EngineName, SideName } from './sides/names.ts'
import type { Stores, Template } from './stores/stores.ts'

export interface Run {
  pairs: number
  sides: ReadonlySet<SideName>
  stores: Partial<Record<EngineName, Stores>>
  backlogJobs: number
  schedules: number
  progress(text: string): void
}

/** Medians by contender; those left out of this run have none. */
export type Medians = Map<Contender, number>

export function presentIn(run: Run, { ours, beside }: Figure): Contender[] {
  const contenders = [ours, ...beside.map(({ contender }) => contender)]

  return contenders.filter(({ side, engine }) => run.sides.has(side) && run.stores[engine] !== undefined)
}

export async function measure(figure: Figure, run: Run): Promise<Medians> {
  const present = presentIn(run, figure)
  const values = new Map(present.map((contender) => [contender, [] as number[]]))

  for (const index of turns(present.length, run.pairs)) {
    const contender = present[index]!
    run.progress(`${figure.engine} ${figure.name}: ${contender.label}`)
    values.get(contender)!.push(await takeTurn(contender, figure.loaded, run))
  }

  return new Map([...values].map(([contender, each]) => [contender, median(each)]))
}

async function takeTurn(contender: Contender, loaded: boolean, run: Run): Promise<number> {
  const { engine, side, backlog, steps } = contender
  const store = await run.stores[engine]!.open(backlog === 'none' ? undefined : filledWith(backlog, run))

  try {
    return await runSteps(side, steps, store.address, loaded)
  } finally {
    await store.close()
  }
}

async function runSteps(side: SideName, steps: readonly Step[], store: string, loaded: boolean): Promise<number> {
  let answer = NaN
  for (const step of steps) answer = await runChild({ ...step, side, store, loaded })

  return answer
}

/** What a store of Errand's holds before a turn. */
function filledWith(backlog: Exclude<Backlog, 'none'>, run: Run): Template {
  if (backlog === 'schedules') return holding(run)

  const jobs = backlog === '100k-waiting' ? 100_000 : run.backlogJobs
  const delay = backlog === 'delayed' ? { delayMs: 86_400_000 } : {}

  return {
    name: `backlog-${backlog}`,
    async fill(store) {
      run.progress(`filling a store: ${jobs.toLocaleString('en')} jobs, ${backlog}`)
      const job = { side: 'errand', store, jobs, loaded: false } as const

      await runChild({ ...job, ...delay, stage: 'fill' })
      if (backlog === 'finished') await runChild({ ...job, stage: 'drain' })
    },
  }
}

function holding(run: Run): Template {
  const { schedules } = run

  return {
    name: 'backlog-schedules',
    async fill(store) {
      run.progress(`filling a store: ${schedules.toLocaleString('en')} schedules`)

      await runChild({ stage: 'hold-schedules', side: 'errand', store, jobs: schedules, loaded: false })
    },
  }
}
