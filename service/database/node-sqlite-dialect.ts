/** Lets Kysely speak to `node:sqlite`, by giving it the face that Kysely's SQLite dialect expects. */
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { SqliteDialect } from 'kysely'

/** Another process may hold the write lock, so a transaction takes it at once: one that asks later can be refused. */
const atOnce = (sql: string) => (sql === 'begin' ? 'begin immediate' : sql)

export function nodeSqliteDialect(database: DatabaseSync): SqliteDialect {
  return new SqliteDialect({
    database: {
      close: () => database.close(),
      prepare: (sql) => {
        const statement = database.prepare(atOnce(sql))
        const values = (parameters: readonly unknown[]) => parameters as readonly SQLInputValue[]

        return {
          reader: statement.columns().length > 0,
          all: (parameters) => statement.all(...values(parameters)),
          run: (parameters) => statement.run(...values(parameters)),
          iterate: (parameters) => statement.iterate(...values(parameters)),
        }
      },
    },
  })
}
