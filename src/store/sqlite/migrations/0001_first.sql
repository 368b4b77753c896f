-- The first schema. A job is written once; what moves is its place.
--
-- Every job has one row in `job`, and stands in exactly one of: ready, throttled, parked, delayed, blocked,
-- claimed, final. Its state is read off its place. `seq` is the order of insertion; `place` its number in the line,
-- which is `seq` until something gives it a new one, and then stands in `course`.

create table errand_meta (
  key   text primary key,
  value
) without rowid;

-- Queues (kind 0) and tasks (kind 1).
create table errand_name (
  id   integer primary key,
  kind integer not null,
  name text not null,
  unique (kind, name)
);

-- How long final jobs are kept, in the few classes that there are.
create table errand_keep (
  id        integer primary key,
  succeeded integer not null,
  failed    integer not null,
  unique (succeeded, failed)
);

create table errand_job (
  seq        integer primary key,
  id         blob not null unique,      -- UUIDs as 16 bytes, other ids as text
  task       integer not null,
  queue      integer not null,
  rank       integer not null,
  created    integer not null,
  keep       integer not null,
  expires    integer,
  lane       integer,
  rate       integer,
  flags      integer not null,          -- see job-row.ts
  unique_key text,
  metadata   text,
  options    text,
  input      text not null
);

-- What has happened to a job besides standing in line; most jobs have no row.
create table errand_course (
  seq      integer primary key,
  place    integer not null,
  failures integer not null,
  crashes  integer not null,
  started  integer,
  error    text,
  goes_on  integer not null default 0    -- its attempt has waited: it keeps its place and needs no token
);

-- Claimable jobs. Suspects stand in the line with their queue's number negated. `course`: whether more has happened to
-- the job than that it has another place.
create table errand_ready (
  line   integer not null,
  rank   integer not null,
  place  integer not null,
  seq    integer not null,
  course integer not null,
  primary key (line, rank, place)
) without rowid;

-- Claimable as soon as their rate has a token. While there are enough for all its jobs, they stand in the ready line.
create table errand_throttled (
  rate  integer not null,
  queue integer not null,
  rank  integer not null,
  place integer not null,
  seq   integer not null,
  primary key (rate, queue, rank, place)
) without rowid;

-- Waiting for a slot of their lane; those of an ordered lane with a rank of -1.
create table errand_parked (
  lane  integer not null,
  rank  integer not null,
  place integer not null,
  seq   integer not null,
  primary key (lane, rank, place)
) without rowid;

-- `slot`: of its lane it has kept one.
create table errand_delayed (
  seq  integer primary key,
  due  integer not null,
  slot integer not null default 0
);
create index errand_delayed_due on errand_delayed (due);
create index errand_delayed_slot on errand_delayed (seq) where slot = 1;

create table errand_blocked (
  seq     integer primary key,
  pending integer not null,
  held    integer not null,
  due     integer,
  slot    integer not null default 0,   -- of its lane it has kept one
  line    integer                       -- queue and rank, where nothing but that awaits it: no lane, no rate, no past
);
create index errand_blocked_slot on errand_blocked (seq) where slot = 1;

create table errand_claimed (
  seq         integer primary key,
  incarnation integer not null,
  claim       integer not null,
  place       integer not null,
  since       integer not null,
  cancel_at   integer
);

create table errand_final (
  seq      integer primary key,
  state    integer not null,
  started  integer,
  finished integer not null,
  until    integer not null,            -- kept at least so long
  attempts integer not null,
  result   text,
  error    text,
  because  blob,
  cancel_at integer,                    -- when a running one was asked to end
  due      integer                      -- of a job that was blocked, should it be blocked again
);
create index errand_final_bad on errand_final (state, seq) where state > 4;

-- A waiter and what it waits for. Closed edges are counted already. `runs`: however the member ends. `n` is the order
-- in which they came, of the same counter as places.
create table errand_edge (
  waiter    integer not null,
  position  integer not null,
  member    integer not null,
  n         integer not null,
  runs      integer not null,
  open      integer not null,
  primary key (waiter, position)
) without rowid;
create index errand_edge_member on errand_edge (member, n);

-- Final jobs whose waiters have not all been told, and the last edge that has been. One that was removed since has left
-- its id and how it ended.
create table errand_releasing (
  member integer primary key,
  after  integer not null,
  id     blob,
  state  integer
);

-- Jobs that go on after all, with the last edge that was looked at for waiters to be blocked again.
create table errand_reopening (
  member integer primary key,
  after  integer not null
);

create table errand_unique_key (
  task  integer not null,
  key   text not null,
  seq   integer not null,
  id    blob not null,                  -- a key that holds for a time may outlive its job
  until integer,
  primary key (task, key)
) without rowid;
create index errand_unique_key_until on errand_unique_key (until) where until is not null;

create table errand_deadline (
  at  integer not null,
  seq integer not null,
  primary key (at, seq)
) without rowid;

create table errand_tag (
  tag text not null,
  seq integer not null,
  primary key (tag, seq)
) without rowid;

create table errand_progress (
  seq  integer primary key,
  body text not null
);
create table errand_attempt (
  seq     integer not null,
  n       integer not null,
  attempt integer not null,
  at      integer not null,
  error   text not null,
  primary key (seq, n)
) without rowid;
create table errand_log (
  seq  integer not null,
  n    integer not null,
  line text not null,
  primary key (seq, n)
) without rowid;
create table errand_step (
  seq    integer not null,
  name   text not null,
  result text not null,
  primary key (seq, name)
) without rowid;

-- Lives of workers. Deadlines are on the machine's monotonic clock, as is the `stamp` in meta.
create table errand_incarnation (
  n          integer primary key autoincrement,
  id         text not null unique,
  name       text not null,
  host       text not null,
  pid        integer not null,
  queues     text not null,
  tasks      text not null,
  slots      integer not null,
  lease_ms   integer not null,
  deadline   real not null,
  started_at integer not null,
  gone       integer not null default 0
);
create table errand_signal (
  n           integer primary key autoincrement,
  incarnation integer not null,
  seq         integer not null,
  claim       integer not null
);
create index errand_signal_to on errand_signal (incarnation);
create table errand_message (
  n           integer primary key autoincrement,
  incarnation integer not null,
  kind        text not null,
  body        text not null,
  told        integer not null default 0,
  unique (incarnation, kind)
);

create table errand_paused (
  queue integer primary key
);

create table errand_schedule (
  name     text primary key,
  rule     text not null,
  next     integer,
  paused   integer not null default 0,
  last_job text,
  declared integer not null
) without rowid;
create index errand_schedule_next on errand_schedule (next, name) where paused = 0 and next is not null;

-- Which final jobs may be deleted when: one row per step and minute.
create table errand_prune (
  at   integer not null,
  n    integer not null,
  seqs text not null,
  primary key (at, n)
) without rowid;
-- Due for pruning, but a job that waits for them may still read them.
create table errand_pinned (
  seq integer primary key
);
create table errand_gone (
  n  integer primary key autoincrement,
  id blob not null unique,
  at integer not null
);

create table errand_counter (
  queue integer not null,
  state integer not null,
  n     integer not null,
  primary key (queue, state)
) without rowid;
create table errand_stat (
  minute  integer not null,
  task    integer not null,
  outcome integer not null,
  n       integer not null,
  ms      real not null,
  primary key (minute, task, outcome)
) without rowid;

-- Processes that listen to events, and what is told to them: one row per step.
create table errand_listener (
  id       text primary key,
  deadline real not null
) without rowid;
create table errand_event (
  n    integer primary key autoincrement,
  at   integer not null,
  body text not null
);

insert into errand_meta values ('schema', 0), ('seq', 0), ('claim', 0), ('stamp', 0), ('boot', '');
