/** What a million jobs that wait, have ended or are not yet due cost a worker that has others to run. */
import { Client } from 'pg'
import type { Assignment } from '../assignment.ts'
import { type Client as SideClient, loadSide } from '../sides/side.ts'
import { median } from '../order.ts'
import { monotonicMs } from '../work.ts'
import { counting } from './drain.ts'
import { fillStore } from './fill.ts'
import { Tally } from './tally.ts'

const round = 1000

/** Until the code is compiled. */
const warmUp = 15

/**
 * Median microseconds a job in rounds of 1,000: a worker starts, runs 1,000 jobs, and stops. The rounds
 * are alike whatever else the store holds. `jobs` is the number of rounds.
 */
export async function claims(assignment: Assignment): Promise<number> {
  const tookMs = await runRounds(assignment, assignment.jobs + warmUp)

  return perJob(tookMs.slice(warmUp))
}

/**
 * The same by the end of four times as many rounds, while another session keeps a snapshot from before the first: nothing that
 * has died since can be vacuumed.
 */
export async function pinned(assignment: Assignment): Promise<number> {
  const session = new Client({ connectionString: assignment.store })
  await session.connect()
  await session.query('begin isolation level repeatable read')
  await session.query('select 1')

  const tookMs = await runRounds(assignment, assignment.jobs * 4 + warmUp)
  await session.end()

  return perJob(tookMs.slice(-assignment.jobs))
}

async function runRounds({ side, store, loaded }: Assignment, rounds: number): Promise<number[]> {
  const client = await (await loadSide(side)).open({ store, loaded })
  const tookMs: number[] = []
  for (let done = 0; done < rounds; done += 1) {
    await fillStore(client, round, loaded)
    tookMs.push(await runRound(client, loaded))
  }
  await client.close()

  return tookMs
}

const perJob = (tookMs: readonly number[]): number => (median(tookMs) / round) * 1000

async function runRound(client: SideClient, loaded: boolean): Promise<number> {
  const tally = new Tally()
  const worker = client.worker(counting(tally, loaded))
  const done = tally.more(round)

  const startedAt = monotonicMs()
  await worker.start()
  await done
  const tookMs = monotonicMs() - startedAt

  await worker.stop()

  return tookMs
}

/** MiB by which the process grows, from an open store to its largest, while a worker runs that many jobs. */
export async function memory({ side, store, jobs, loaded }: Assignment): Promise<number> {
  const client = await (await loadSide(side)).open({ store, loaded })
  const tally = new Tally()
  const worker = client.worker(counting(tally, loaded))
  const done = tally.more(jobs)
  const grown = await growth(async () => {
    await worker.start()
    await done
  })
  await worker.stop()
  await client.close()

  return grown
}

/** MiB from what the process has now to its largest meanwhile. */
export async function growth(doing: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage.rss()
  let peak = before
  const look = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss())
  }, 5)

  await doing()
  clearInterval(look)

  return (Math.max(peak, process.memoryUsage.rss()) - before) / 2 ** 20
}
