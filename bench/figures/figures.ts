/** All that is measured, in the order of the table. */
import type { EngineName } from '../sides/names.ts'
import type { Figure, Sizes } from './figure.ts'
import { flowFigures } from './flows.ts'
import { limitFigures } from './limits.ts'
import { postgresFigures } from './postgres.ts'
import { redisFigures } from './redis.ts'
import { scheduleFigures } from './schedules.ts'
import { sqliteFigures } from './sqlite.ts'

const byEngine: Record<EngineName, (sizes: Sizes) => Figure[]> = {
  sqlite: sqliteFigures,
  redis: redisFigures,
  postgres: postgresFigures,
}

export function figures(engines: readonly EngineName[], sizes: Sizes): Figure[] {
  return engines.flatMap((engine) => [
    ...byEngine[engine](sizes),
    ...flowFigures(engine, sizes),
    ...scheduleFigures(engine, sizes),
    ...limitFigures(engine, sizes),
  ])
}
