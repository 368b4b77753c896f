/**
 * Handing slots on: many jobs of many lanes have ended, and each gives its slot to the first that is parked in its lane.
 *
 * A slot that goes on leaves `used` as it is, so a lane that is full costs no more than one that is not.
 */
import type { JobRow } from './job-row.ts'
import { admit, stand } from './line.ts'
import type { Step } from './step.ts'

type FirstRow = readonly [
  lane: number,
  free: number,
  rank: number | null,
  place: number,
  seq: number,
  /** Its queue, where nothing but its turn to come awaits it. */
  plain: number | null,
]

/** Of lanes that do not gather; a lane as often as jobs of it have ended. */
export function handOn(step: Step, lanes: readonly number[]): void {
  for (let left = lanes; left.length > 0;) {
    const now = new Set(left)
    handOnOnce(step, [...now])
    // Each lane once at a time.
    left = now.size === left.length ? [] : left.filter((lane) => !now.delete(lane))
  }
}

function handOnOnce(step: Step, lanes: readonly number[]): void {
  const { sql } = step
  const firsts = sql.firstOfLanes.all(JSON.stringify(lanes)) as FirstRow[]
  const [handed, freed] = [firsts.filter(goesOn), firsts.filter((first) => !goesOn(first))]
  letOut(step, handed)
  if (handed.length > 0) sql.endInLanes.run(0, numbers(handed))
  if (freed.length > 0) sql.endInLanes.run(1, numbers(freed))
  for (const [lane, free] of handed) if (free > 0) admit(step, lane)
}

/** Somebody is parked, and the lane has not been given fewer slots than are taken. */
const goesOn = ([, free, rank]: FirstRow) => rank !== null && free >= 0

const numbers = (firsts: readonly FirstRow[]) => JSON.stringify(firsts.map(([lane]) => lane))

function letOut(step: Step, firsts: readonly FirstRow[]): void {
  const { sql } = step
  const plain: number[] = []
  for (const [lane, , rank, place, seq, queue] of firsts) {
    sql.leaveParked.run(lane, rank, place)
    if (queue === null) stand(step, sql.jobBySeq.get(seq) as JobRow)
    else {
      plain.push(seq)
      step.wokenQueues.add(queue)
    }
  }
  if (plain.length > 0) sql.standAmong.run(JSON.stringify(plain))
}
