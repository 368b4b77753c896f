/** All faults, by name, in the order of the table. */
import { calm } from './calm.ts'
import { clock } from './clock.ts'
import { freeze } from './freeze.ts'
import { fullDisk } from './full-disk.ts'
import { kill } from './kill.ts'
import type { Lane } from './lane.ts'
import { poison } from './poison.ts'
import { powerCut } from './power-cut.ts'
import { stall } from './stall.ts'

export const lanes: Readonly<Record<string, Lane>> = {
  calm,
  kill,
  freeze,
  stall,
  poison,
  clock,
  'power-cut': powerCut,
  'full-disk': fullDisk,
}
