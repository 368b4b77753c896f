/** Jobs: writing them once, finding them by number and id, and what belongs to them. */
import { readable } from './places.ts'

const whole = `j.seq, j.id, j.task, j.queue, j.rank, j.created, j.keep, ${readable('j.expires')} as expires, j.lane, j.rate, j.flags, j.unique_key,
  j.metadata, j.options, j.input, c.seq is not null as noted, coalesce(c.place, j.seq) as place, coalesce(c.failures, 0) as failures,
  coalesce(c.crashes, 0) as crashes, c.started, c.error, coalesce(c.goes_on, 0) as goes_on`

export const jobQueries = {
  insertJob: `insert into errand_job values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing`,
  insertUuidJob: `insert into errand_job values (?, unhex(?, '-'), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing`,
  jobById: `select ${whole} from errand_job j left join errand_course c on c.seq = j.seq where j.id = ?` as string,
  jobBySeq: `select ${whole} from errand_job j left join errand_course c on c.seq = j.seq where j.seq = ?` as string,
  seqOfId: `select seq from errand_job where id = ?`,
  seqOfUuid: `select seq from errand_job where id = unhex(?, '-')`,
  idOfSeq: `select id from errand_job where seq = ?`,
  setRank: `update errand_job set rank = ? where seq = ?`,
  setInput: `update errand_job set input = ?, options = ?, flags = ? where seq = ?`,
  setFlags: `update errand_job set flags = ? where seq = ?`,
  dropExpiry: `update errand_job set expires = null where seq = ?`,
  deleteJob: `delete from errand_job where seq = ?`,

  putCourse: `insert into errand_course (seq, place, failures, crashes, started, error, goes_on) values (?, ?, ?, ?, ?, ?, ?)
    on conflict (seq) do update set place = excluded.place, failures = excluded.failures, crashes = excluded.crashes,
    started = excluded.started, error = excluded.error, goes_on = excluded.goes_on`,
  // With the place of the first; the others follow.
  placeTogether: `insert into errand_course (seq, place, failures, crashes) select s.value, ? + s.key, 0, 0 from json_each(?) s`,
  getCourse: `select place, failures, crashes, started, error, goes_on from errand_course where seq = ?`,
  deleteCourse: `delete from errand_course where seq = ?`,

  putProgress: `insert into errand_progress values (?, ?) on conflict (seq) do update set body = excluded.body`,
  getProgress: `select body from errand_progress where seq = ?`,
  deleteProgress: `delete from errand_progress where seq = ?`,
  addAttempt: `insert into errand_attempt select ?, coalesce(max(n), 0) + 1, ?, ?, ? from errand_attempt where seq = ?`,
  attempts: `select attempt, at, error from errand_attempt where seq = ? order by n`,
  deleteAttempts: `delete from errand_attempt where seq = ?`,
  addLog: `insert into errand_log select ?, coalesce(max(n), 0) + 1, ? from errand_log where seq = ?`,
  logs: `select line from errand_log where seq = ? order by n`,
  deleteLogs: `delete from errand_log where seq = ?`,
  addStep: `insert into errand_step values (?, ?, ?) on conflict do nothing`,
  steps: `select name, result from errand_step where seq = ?`,
  anyStep: `select 1 from errand_step limit 1`,
  deleteSteps: `delete from errand_step where seq = ?`,

  addTag: `insert into errand_tag values (?, ?) on conflict do nothing`,
  deleteTag: `delete from errand_tag where tag = ? and seq = ?`,
  addDeadline: `insert into errand_deadline values (?, ?) on conflict do nothing`,
  deleteDeadline: `delete from errand_deadline where at = ? and seq = ?`,
  deadlinesDue: `select at, seq from errand_deadline where at <= ? order by at, seq limit ?`,

  keyHolder: `select seq, id, until from errand_unique_key where task = ? and key = ?`,
  takeKey: `insert into errand_unique_key values (?, ?, ?, ?, ?)
    on conflict (task, key) do update set seq = excluded.seq, id = excluded.id, until = excluded.until`,
  freeKey: `delete from errand_unique_key where task = ? and key = ? and seq = ?`,
  sweepKeys: `delete from errand_unique_key where (task, key) in (select task, key from errand_unique_key where until is not null and until <= ? limit ?)`,

  rememberGone: `insert into errand_gone (id, at) values (?, ?) on conflict (id) do update set at = excluded.at`,
  isGone: `select 1 as gone from errand_gone where id = ?`,
  forgetId: `delete from errand_gone where id = ?`,
  oldestGone: `select at from errand_gone order by n limit 1`,
  forgetGone: `delete from errand_gone where n in (select n from errand_gone order by n limit ?) and at <= ?`,

  addFinal: `insert into errand_final (seq, state, started, finished, until, attempts, result) values (?, 4, ?, ?, ?, 1, ?)`,
  addFinalWhole: `insert into errand_final values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  getFinal:
    `select state, started, finished, until, attempts, result, error, because, cancel_at, ${readable('due')} as due from errand_final where seq = ?` as string,
  deleteFinal: `delete from errand_final where seq = ?`,
  setBecause: `update errand_final set because = ? where seq = ?`,
  endedOf: `select s.value as seq from json_each(?) s where exists (select 1 from errand_final f where f.seq = s.value)
    or not exists (select 1 from errand_job j where j.seq = s.value)`,
  addPrune: `insert into errand_prune select ?, coalesce(max(n), 0) + 1, ? from errand_prune where at = ?`,
  duePrunes: `select at, n, seqs from errand_prune where at <= ? order by at, n limit 1`,
  cutPrune: `update errand_prune set seqs = ? where at = ? and n = ?`,
  pin: `insert into errand_pinned values (?) on conflict do nothing`,
  unpin: `delete from errand_pinned where seq = ?`,
  anyPinned: `select 1 from errand_pinned limit 1`,
  deletePrune: `delete from errand_prune where at = ? and n = ?`,
} as const
