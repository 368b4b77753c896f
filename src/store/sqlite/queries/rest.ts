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

  getMeta: `select value from meta where key = ?`,
  setMeta: `update meta set value = ? where key = ?`,

  findName: `select id from name where kind = ? and name = ?`,
  addName: `insert into name (kind, name) values (?, ?) returning id`,
  nameById: `select name from name where id = ?`,
  findKeep: `select id from keep where succeeded = ? and failed = ?`,
  addKeep: `insert into keep (succeeded, failed) values (?, ?) returning id`,
  keepById: `select succeeded, failed from keep where id = ?`,

  join: `insert into incarnation (id, name, host, pid, queues, tasks, slots, lease_ms, deadline, started_at)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  incarnation: `select n, lease_ms, deadline, gone from incarnation where id = ?`,
  incarnationId: `select id from incarnation where n = ?`,
  liveIncarnations: `select * from incarnation where gone = 0 order by n`,
  renew: `update incarnation set deadline = ? where n = ?`,
  extendLeases: `update incarnation set deadline = ? + lease_ms where gone = 0 and ? > max(lease_ms, 8000) / 2.0`,
  silent: `select n from incarnation where gone = 0 and deadline <= ? order by n`,
  goneOnes: `select n from incarnation where gone = 1 order by n limit 1`,
  markGone: `update incarnation set gone = 1 where n = ?`,
  deleteIncarnation: `delete from incarnation where n = ?`,
  addSignal: `insert into signal (incarnation, seq, claim) values (?, ?, ?)`,
  // A job that has ended since needs no cancelling.
  signals: `select s.claim, j.id from signal s cross join claimed k on k.seq = s.seq and k.claim = s.claim
    cross join job j on j.seq = s.seq where s.incarnation = ? order by s.n`,
  hasSignal: `select 1 from signal where incarnation = ? limit 1`,
  deleteSignals: `delete from signal where incarnation = ?`,
  addMessage: `insert into message (incarnation, body) values (?, ?)`,
  messages: `select body from message where incarnation = ? order by n`,
  hasMessage: `select 1 from message where incarnation = ? limit 1`,
  deleteMessages: `delete from message where incarnation = ?`,

  pause: `insert into paused values (?) on conflict do nothing`,
  resume: `delete from paused where queue = ?`,
  isPaused: `select 1 from paused where queue = ?`,
  queues: `select n.id, n.name, p.queue is not null as paused from name n left join paused p on p.queue = n.id where n.kind = 0`,

  putSchedule: `insert into schedule (name, rule, next, declared) values (?, ?, ?, ?)
    on conflict (name) do update set next = iif(rule = excluded.rule, next, excluded.next), rule = excluded.rule, declared = excluded.declared`,
  pauseSchedule: `update schedule set paused = ? where name = ?`,
  deleteSchedule: `delete from schedule where name = ?`,
  schedules: `select name, rule, next, paused, last_job, declared from schedule order by name`,
  advanceSchedule: `update schedule set next = ? where name = ? and next = ? and paused = 0`,
  setLastJob: `update schedule set last_job = ? where name = ?`,

  count: `insert into counter values (?, ?, ?) on conflict (queue, state) do update set n = n + excluded.n`,
  counters: `select queue, state, n from counter`,
  addStat: `insert into stat values (?, ?, ?, ?, ?) on conflict (minute, task, outcome) do update set n = n + excluded.n, ms = ms + excluded.ms`,
  stats: `select s.minute, t.name as task, s.outcome, s.n, s.ms from stat s join name t on t.id = s.task
    where s.minute >= ? and s.minute < ?`,
  forgetStats: `delete from stat where minute < ?`,

  listen: `insert into listener values (?, ?) on conflict (id) do update set deadline = excluded.deadline`,
  getListener: `select deadline from listener where id = ?`,
  unlisten: `delete from listener where id = ?`,
  forgetAllListeners: `delete from listener`,
  otherListener: `select 1 from listener where id <> ? and deadline >= ? limit 1`,
  forgetListeners: `delete from listener where deadline < ?`,
  addEvent: `insert into event (at, body) values (?, ?)`,
  eventsAfter: `select n, body from event where n > ? order by n limit ?`,
  lastEvent: `select coalesce((select seq from sqlite_sequence where name = 'event'), 0) as n`,
  forgetEvents: `delete from event where n <= (select max(n) from event where at < ?)`,
} as const
