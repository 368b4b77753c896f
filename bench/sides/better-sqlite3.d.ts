/** better-sqlite3 has no types of its own, and plainjob's queue asks for none but a connection. */
declare module 'better-sqlite3' {
  export default class Database {
    constructor(path: string)
    readonly name: string
  }
}
