/** Every statement, prepared once per connection. */
import { arrayQueries, placeQueries } from './queries/places.ts'
import { movingQueries } from './queries/moving.ts'
import { limitQueries } from './queries/limits.ts'
import { jobQueries } from './queries/jobs.ts'
import { manyQueries } from './queries/many.ts'
import { restQueries } from './queries/rest.ts'

export type Value = null | number | bigint | string | Uint8Array

/** What node:sqlite and better-sqlite3 have in common. */
export interface Query {
  run(...values: Value[]): { changes: number | bigint; lastInsertRowid: number | bigint }
  get(...values: Value[]): unknown
  all(...values: Value[]): unknown[]
}

export const objectQueries: typeof jobQueries &
  typeof manyQueries &
  typeof placeQueries &
  typeof limitQueries &
  typeof restQueries &
  typeof movingQueries = {
  ...jobQueries,
  ...manyQueries,
  ...placeQueries,
  ...limitQueries,
  ...restQueries,
  ...movingQueries,
}

export type Statements = Readonly<Record<keyof typeof objectQueries | keyof typeof arrayQueries, Query>>

export interface Preparer {
  objects(sql: string): Query
  arrays(sql: string): Query
}

/**
 * SQLite looks at what is bound to a bare `limit ?` when it plans, and so plans anew each time it is bound: that costs
 * more than most statements do.
 */
const plannedOnce = (sql: string) => sql.replaceAll(/\b(limit|offset) \?/g, '$1 ? + 0')

export function prepareAll(preparer: Preparer): Statements {
  const objects = Object.entries(objectQueries).map(([name, sql]) => [name, preparer.objects(plannedOnce(sql))])
  const arrays = Object.entries(arrayQueries).map(([name, sql]) => [name, preparer.arrays(plannedOnce(sql))])

  return Object.fromEntries([...objects, ...arrays]) as Statements
}

/** For connections that use few of them. */
export function prepareWhenUsed(preparer: Preparer): Statements {
  const statements = {}
  const later = (name: string, prepare: () => Query) =>
    Object.defineProperty(statements, name, {
      configurable: true,
      get: () => {
        const value = prepare()
        Object.defineProperty(statements, name, { value })
        return value
      },
    })
  for (const [name, sql] of Object.entries(objectQueries)) later(name, () => preparer.objects(plannedOnce(sql)))
  for (const [name, sql] of Object.entries(arrayQueries)) later(name, () => preparer.arrays(plannedOnce(sql)))
  return statements as Statements
}
