/** What SQLite's result codes mean for us. */
const code = (error: unknown): number => (error as { errcode?: number }).errcode ?? 0

/** Any kind of SQLITE_BUSY. */
export const isBusy = (error: unknown): boolean => (code(error) & 0xff) === 5

/** SQLITE_FULL, or no room for the WAL's index. */
export const isFull = (error: unknown): boolean => code(error) === 13 || code(error) === 4874

/** Any other SQLITE_IOERR: nobody knows what has reached the disk, and the same sync must not be tried again. */
export const isBroken = (error: unknown): boolean => (code(error) & 0xff) === 10 && !isFull(error)

/** SQLITE_NOTADB: a file, and not one of SQLite's. */
export const isNoDatabase = (error: unknown): boolean => code(error) === 26
