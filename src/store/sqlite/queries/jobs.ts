/** Jobs: writing them once, finding them by number and id, and what belongs to them. */

const whole = `j.seq, j.id, j.task, j.queue, j.rank, j.created, j.keep, j.expires, j.lane, j.rate, j.flags, j.unique_key,
  j.options, j.input, c.seq is not null as noted, coalesce(c.place, j.seq) as place, coalesce(c.failures, 0) as failures,
  coalesce(c.crashes, 0) as crashes, c.started, c.error`

export const jobQueries = {
  insertJob: `insert into job values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing`,
  insertUuidJob: `insert into job values (?, unhex(?, '-'), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing`,
  jobById: `select ${whole} from job j left join course c on c.seq = j.seq where j.id = ?` as string,
  jobBySeq: `select ${whole} from job j left join course c on c.seq = j.seq where j.seq = ?` as string,
  seqOfId: `select seq from job where id = ?`,
  seqOfUuid: `select seq from job where id = unhex(?, '-')`,
  idOfSeq: `select id from job where seq = ?`,
  setRank: `update job set rank = ? where seq = ?`,
  setInput: `update job set input = ? where seq = ?`,
  setFlags: `update job set flags = ? where seq = ?`,
  dropExpiry: `update job set expires = null where seq = ?`,
  deleteJob: `delete from job where seq = ?`,

  putCourse: `insert into course (seq, place, failures, crashes, started, error) values (?, ?, ?, ?, ?, ?)
    on conflict (seq) do update set place = excluded.place, failures = excluded.failures, crashes = excluded.crashes,
    started = excluded.started, error = excluded.error`,
  getCourse: `select place, failures, crashes, started, error from course where seq = ?`,
  deleteCourse: `delete from course where seq = ?`,

  putProgress: `insert into progress values (?, ?) on conflict (seq) do update set body = excluded.body`,
  getProgress: `select body from progress where seq = ?`,
  deleteProgress: `delete from progress where seq = ?`,
  addAttempt: `insert into attempt select ?, coalesce(max(n), 0) + 1, ?, ?, ? from attempt where seq = ?`,
  attempts: `select attempt, at, error from attempt where seq = ? order by n`,
  deleteAttempts: `delete from attempt where seq = ?`,
  addLog: `insert into log select ?, coalesce(max(n), 0) + 1, ? from log where seq = ?`,
  logs: `select line from log where seq = ? order by n`,
  deleteLogs: `delete from log where seq = ?`,
  addStep: `insert into step values (?, ?, ?) on conflict do nothing`,
  steps: `select name, result from step where seq = ?`,
  anyStep: `select 1 from step limit 1`,
  deleteSteps: `delete from step where seq = ?`,

  addTag: `insert into tag values (?, ?) on conflict do nothing`,
  deleteTag: `delete from tag where tag = ? and seq = ?`,
  addDeadline: `insert into deadline values (?, ?) on conflict do nothing`,
  deleteDeadline: `delete from deadline where at = ? and seq = ?`,
  deadlinesDue: `select at, seq from deadline where at <= ? order by at, seq limit ?`,

  keyHolder: `select seq, id, until from unique_key where task = ? and key = ?`,
  takeKey: `insert into unique_key values (?, ?, ?, ?, ?)
    on conflict (task, key) do update set seq = excluded.seq, id = excluded.id, until = excluded.until`,
  freeKey: `delete from unique_key where task = ? and key = ? and seq = ?`,
  sweepKeys: `delete from unique_key where (task, key) in (select task, key from unique_key where until is not null and until <= ? limit ?)`,

  rememberGone: `insert into gone (id, at) values (?, ?) on conflict (id) do update set at = excluded.at`,
  isGone: `select 1 as gone from gone where id = ?`,
  forgetId: `delete from gone where id = ?`,
  oldestGone: `select at from gone order by n limit 1`,
  forgetGone: `delete from gone where n in (select n from gone order by n limit ?) and at <= ?`,

  addFinal: `insert into final (seq, state, started, finished, until, attempts, result) values (?, 4, ?, ?, ?, 1, ?)`,
  addFinalWhole: `insert into final values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  getFinal: `select state, started, finished, until, attempts, result, error, because, cancel_at, due from final where seq = ?`,
  deleteFinal: `delete from final where seq = ?`,
  setBecause: `update final set because = ? where seq = ?`,
  endedOf: `select s.value as seq from json_each(?) s where exists (select 1 from final f where f.seq = s.value)
    or not exists (select 1 from job j where j.seq = s.value)`,
  addPrune: `insert into prune select ?, coalesce(max(n), 0) + 1, ? from prune where at = ?`,
  duePrunes: `select at, n, seqs from prune where at <= ? order by at, n limit 1`,
  cutPrune: `update prune set seqs = ? where at = ? and n = ?`,
  pin: `insert into pinned values (?) on conflict do nothing`,
  unpin: `delete from pinned where seq = ?`,
  anyPinned: `select 1 from pinned limit 1`,
  deletePrune: `delete from prune where at = ? and n = ?`,
} as const
