/** Everything that is not about one job: names, numbers, workers, schedules, counters, events. */
export const restQueries = {
  begin: `begin immediate`,
  beginReading: `begin`,
  commit: `commit`,
  rollback: `rollback`,
  savepoint: `savepoint call`,
  release: `release call`,
  rollbackTo: `rollback to call`,
  walFrames: `pragma wal_checkpoint(noop)`,
  checkpoint: `pragma wal_checkpoint(passive)`,
  truncateWal: `pragma wal_checkpoint(truncate)`,
  dataVersion: `pragma data_version`,

  getMeta: `select value from errand_meta where key = ?`,
  setMeta: `update errand_meta set value = ? where key = ?`,

  findName: `select id from errand_name where kind = ? and name = ?`,
  addName: `insert into errand_name (kind, name) values (?, ?) returning id`,
  nameById: `select name from errand_name where id = ?`,
  findKeep: `select id from errand_keep where succeeded = ? and failed = ?`,
  addKeep: `insert into errand_keep (succeeded, failed) values (?, ?) returning id`,
  keepById: `select succeeded, failed from errand_keep where id = ?`,

  join: `insert into errand_incarnation (id, name, host, pid, queues, tasks, slots, lease_ms, deadline, started_at)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  incarnation: `select n, lease_ms, deadline, gone, exists (select 1 from errand_signal s where s.incarnation = i.n)
    or exists (select 1 from errand_message m where m.incarnation = i.n and m.told = 0) as called from errand_incarnation i where id = ?`,
  incarnationId: `select id from errand_incarnation where n = ?`,
  liveIncarnations: `select * from errand_incarnation where gone = 0 order by n`,
  renew: `update errand_incarnation set deadline = ? where n = ?`,
  extendLeases: `update errand_incarnation set deadline = ? + max(lease_ms, 8000) where gone = 0 and ? > max(lease_ms, 8000) / 2.0`,
  silent: `select n from errand_incarnation where gone = 0 and deadline <= ? order by n`,
  goneOnes: `select n from errand_incarnation where gone = 1 order by n limit 1`,
  markGone: `update errand_incarnation set gone = 1 where n = ?`,
  deleteIncarnation: `delete from errand_incarnation where n = ?`,
  addSignal: `insert into errand_signal (incarnation, seq, claim) values (?, ?, ?)`,
  // A job that has ended since needs no cancelling.
  signals: `select s.claim, j.id from errand_signal s cross join errand_claimed k on k.seq = s.seq and k.claim = s.claim
    cross join errand_job j on j.seq = s.seq where s.incarnation = ? order by s.n`,
  hasSignal: `select 1 from errand_signal where incarnation = ? limit 1`,
  deleteSignals: `delete from errand_signal where incarnation = ?`,
  // Replacing gives it a new number, so that messages are told in the order of their sending.
  putMessage: `insert or replace into errand_message (incarnation, kind, body) values (?, ?, ?)`,
  messages: `select body from errand_message where incarnation = ? order by n`,
  newMessages: `select body from errand_message where incarnation = ? and told = 0 order by n`,
  markTold: `update errand_message set told = 1 where incarnation = ?`,
  hasMessage: `select 1 from errand_message where incarnation = ? and told = 0 limit 1`,
  deleteMessages: `delete from errand_message where incarnation = ?`,

  pause: `insert into errand_paused values (?) on conflict do nothing`,
  resume: `delete from errand_paused where queue = ?`,
  isPaused: `select 1 from errand_paused where queue = ?`,
  queues: `select n.id, n.name, p.queue is not null as paused from errand_name n left join errand_paused p on p.queue = n.id where n.kind = 0`,

  // The last is the beginning that both rules have when they fire at the same times, or null.
  putSchedule: `insert into errand_schedule (name, rule, next, declared) values (?1, ?2, ?3, ?4)
    on conflict (name) do update set next = iif(rule = excluded.rule or substr(rule, 1, length(?5)) = ?5, next, excluded.next), rule = excluded.rule, declared = excluded.declared`,
  pauseSchedule: `update errand_schedule set paused = ? where name = ?`,
  deleteSchedule: `delete from errand_schedule where name = ?`,
  schedulesAfter: `select name, rule, next, paused, last_job, declared from errand_schedule
    where name > ? order by name limit ?`,
  nextSchedules: `select name, rule, next, paused, last_job, declared from errand_schedule
    where paused = 0 and next is not null order by next, name limit ?`,
  advanceSchedule: `update errand_schedule set next = ? where name = ? and next = ? and paused = 0`,
  setScheduleTime: `update errand_schedule set next = ? where name = ?`,
  setLastJob: `update errand_schedule set last_job = ? where name = ?`,

  count: `insert into errand_counter values (?, ?, ?) on conflict (queue, state) do update set n = n + excluded.n`,
  counters: `select queue, state, n from errand_counter`,
  addStat: `insert into errand_stat values (?, ?, ?, ?, ?) on conflict (minute, task, outcome) do update set n = n + excluded.n, ms = ms + excluded.ms`,
  stats: `select s.minute, t.name as task, s.outcome, s.n, s.ms from errand_stat s join errand_name t on t.id = s.task
    where s.minute >= ? and s.minute < ?`,
  forgetStats: `delete from errand_stat where minute < ?`,

  listen: `insert into errand_listener values (?, ?) on conflict (id) do update set deadline = excluded.deadline`,
  getListener: `select deadline from errand_listener where id = ?`,
  unlisten: `delete from errand_listener where id = ?`,
  forgetAllListeners: `delete from errand_listener`,
  otherListener: `select 1 from errand_listener where id <> ? and deadline >= ? limit 1`,
  forgetListeners: `delete from errand_listener where deadline < ?`,
  addEvent: `insert into errand_event (at, body) values (?, ?)`,
  eventsAfter: `select n, body from errand_event where n > ? order by n limit ?`,
  lastEvent: `select coalesce((select seq from sqlite_sequence where name = 'errand_event'), 0) as n`,
  forgetEvents: `delete from errand_event where n <= (select max(n) from errand_event where at < ?)`,
} as const
