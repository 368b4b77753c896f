import type { DatabaseSync } from 'node:sqlite'

/** The face of better-sqlite3 as far as it is used, over the connection that comes with Node. */
export function likeBetterSqlite(db: DatabaseSync) {
  return {
    get inTransaction() {
      return db.isTransaction
    },
    exec: (sql: string) => db.exec(sql),
    prepare(sql: string) {
      const statement = db.prepare(sql)
      return Object.assign(statement, {
        raw(on: boolean) {
          statement.setReturnArrays(on)
          return statement
        },
      })
    },
    transaction(body: () => void) {
      db.exec('begin immediate')
      try {
        body()
        db.exec('commit')
      } catch (error) {
        db.exec('rollback')
        throw error
      }
    },
  }
}
