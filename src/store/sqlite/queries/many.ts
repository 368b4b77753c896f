/**
 * Statements that write many rows at once: one call costs about as much as the values handed over in it.
 *
 * What all rows share comes first, then so many values for each row.
 */

export const jobsPerStatement = 16
export const finalsPerStatement = 10

/** Positional all through: better-sqlite3 takes numbered parameters for names. */
const rows = (count: number, values: string) => Array.from({ length: count }, () => `(${values})`).join()

export const manyQueries = {
  // The first seq, task, queue, rank, created, keep, flags, metadata, options; for each job its id and input.
  insertUuidJobs:
    `insert into errand_job select s.seq + v.column1, unhex(v.column2, '-'), s.task, s.queue, s.rank, s.created, s.keep,
    null, null, null, s.flags, null, s.metadata, s.options, v.column3 from (select ? as seq, ? as task, ? as queue, ? as rank, ? as created, ? as keep, ? as flags, ? as metadata, ? as options) s
    cross join (values ${Array.from({ length: jobsPerStatement }, (_, at) => `(${at}, ?, ?)`).join()}) v where true on conflict (id) do nothing` as string,
  // Started, finished, until; for each job its seq and result.
  addFinals:
    `insert into errand_final (seq, state, started, finished, until, attempts, result) select v.column1, 4, s.started, s.finished, s.until, 1, v.column2
    from (select ? as started, ? as finished, ? as until) s cross join (values ${rows(finalsPerStatement, '?, ?')}) v` as string,
} as const
