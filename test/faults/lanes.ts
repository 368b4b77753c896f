/** All faults, by name, in the order of the table. */
import { outages } from './black-hole.ts'
import { calm } from './calm.ts'
import { clock } from './clock.ts'
import { flows } from './flows.ts'
import { freeze } from './freeze.ts'
import { cut } from './cut.ts'
import { failover } from './failover.ts'
import { fullDisk } from './full-disk.ts'
import { kill } from './kill.ts'
import type { Lane } from './lane.ts'
import { poison } from './poison.ts'
import { powerCut } from './power-cut.ts'
import { restart } from './restart.ts'
import { stall } from './stall.ts'
import { storm } from './storm.ts'

export const lanes: Readonly<Record<string, Lane>> = {
  calm,
  kill,
  flows,
  freeze,
  stall,
  poison,
  clock,
  restart,
  cut,
  storm,
  'black-hole': outages,
  failover,
  'power-cut': powerCut,
  'full-disk': fullDisk,
}

/** Faults that not every engine has. */
const enginesOf: Readonly<Record<string, readonly string[]>> = {
  restart: ['redis', 'postgres'],
  cut: ['redis', 'postgres'],
  storm: ['redis', 'postgres'],
  'black-hole': ['redis', 'postgres'],
  failover: ['redis'],
  'full-disk': ['sqlite'],
}

export const lanesOf = (engine: string): string[] =>
  Object.keys(lanes).filter((name) => enginesOf[name]?.includes(engine) ?? true)
