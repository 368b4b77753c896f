-- The tables. Which of ready, running, waiting and done holds a job's number is where the job is: no row changes its
-- state in place, so no update ever touches every index. What stays the same about a job is written once, in `body`.
--
-- Times are milliseconds: since 1970 where they are moments, of the store's one clock. Names of queues, tasks, lanes
-- and rates are numbers everywhere but in their own tables.

-- Which store this is: another database may have a schema of the same name, and this one may be dropped and made anew under
-- processes that know numbers of the old one. A constant, so that comparing it costs nothing.
do $$ begin
  execute format('create function errand.mark_of_store() returns text immutable parallel safe language sql as %L',
    format('select %L::text', substr(md5(gen_random_uuid()::text), 1, 12)));
end $$;

-- Refuses numbers of names that another store has given: ER007, and whoever sent them asks for them anew.
create function errand.check_mark(p_store text) returns void language plpgsql as $$
begin
  if p_store <> errand.mark_of_store() then raise exception 'The store was made anew.' using errcode = 'ER007'; end if;
end $$;

-- Numbers of jobs, places in line, claims, edges: all that has to do no more than grow.
create sequence errand.counter;
-- Numbers of claims: one for each turn that claims.
create sequence errand.claims;
-- Raised by whoever puts a job into its line at a place that was not drawn there and then: those below may not be passed over.
create sequence errand.lowered;

-- Numbers of queues and tasks are made of their names (0004), so that in no store they mean another name than in the one before.
create table errand.queue (
  no     int primary key,
  name   text not null unique,
  paused boolean not null default false,
  -- Shown in counts even if no job was ever in it.
  seen   boolean not null default false
);
create table errand.task (no int primary key, name text not null unique);
create table errand.lane (
  no      int generated always as identity primary key,
  name    text collate "C" not null unique,
  slots   bigint not null,
  -- Its value was set by hand.
  pinned  boolean not null default false,
  -- How many jobs hold a slot of it, which their flags say.
  taken   bigint not null default 0
) with (fillfactor = 50);
create table errand.rate (
  no     int generated always as identity primary key,
  name   text collate "C" not null unique,
  pinned boolean not null default false,
  tokens bigint not null,
  per_ms bigint not null,
  -- Until then none starts, whatever tokens are left.
  closed_until bigint not null default 0
);
-- Lanes that gather, each with the jobs of one queue; those name it by its number, negated.
create table errand.gathering (
  no      int generated always as identity primary key,
  name    text collate "C" not null,
  queue   int not null,
  size    bigint not null,
  wait_ms bigint not null,
  -- Stands in the line for all of them, until it is claimed.
  leader  bigint,
  -- When time sends one out; null while one stands there, or nobody waits.
  ripe    bigint,
  unique (name, queue)
) with (fillfactor = 50);
create index gathering_by_time on errand.gathering (ripe) where ripe is not null;
-- Running jobs that were gathered, and who led them.
create table errand.grouped (no bigint primary key, lane int not null, leader text not null);
create index grouped_by_lane on errand.grouped (lane);
create table errand.body (
  no      bigint primary key,
  id      text not null unique,
  created bigint not null,
  task    int not null,
  queue   int not null,
  rank    smallint not null,
  -- As inserted; see flags in 0002.
  flags   int not null,
  -- How long to keep it once final, in minutes.
  keep_succeeded int not null,
  keep_failed    int not null,
  input   text not null,
  lane    int,
  rate    int,
  uniq    text,
  -- What nobody here looks into: tags, metadata, version, redact; the jobs to enqueue at its end; and, as `part`, the one
  -- tag that is indexed.
  more    json
);
create index body_by_part on errand.body ((more ->> 'part'), no) where flags & 262144 <> 0;
create index body_of_lane on errand.body (lane) where lane is not null;
create index body_of_rate on errand.body (rate) where rate is not null;

create table errand.ready (
  queue    int not null,
  rank     smallint not null,
  place    bigint not null,
  no       bigint not null,
  task     int not null,
  flags    int not null,
  keep_succeeded int not null,
  keep_failed    int not null,
  attempts int not null default 0,
  crashes  smallint not null default 0,
  expires  bigint,
  primary key (queue, rank, place)
);
-- A new job's place is its number, and there it is found by the key; this is for those that were placed anew.
create unique index placed_anew on errand.ready (no) where place <> no;

create table errand.running (
  worker   int not null,
  no       bigint not null,
  claim    bigint not null,
  started  bigint not null,
  queue    int not null,
  rank     smallint not null,
  place    bigint not null,
  task     int not null,
  flags    int not null,
  keep_succeeded int not null,
  keep_failed    int not null,
  attempts int not null,
  crashes  smallint not null,
  expires  bigint,
  cancel_at bigint,
  primary key (worker, no)
);

-- Kinds: s scheduled, b blocked; and ready ones that no plain claim may take: p parked in their lane,
-- r those of a rate or that lead a group, u those that may be what kills their workers, g gathered since `due`.
create table errand.waiting (
  no       bigint primary key,
  kind     "char" not null,
  queue    int not null,
  rank     smallint not null,
  place    bigint,
  task     int not null,
  flags    int not null,
  keep_succeeded int not null,
  keep_failed    int not null,
  attempts int not null default 0,
  crashes  smallint not null default 0,
  expires  bigint,
  due      bigint,
  pending  int,
  lane     int,
  -- Negated where it needs no token; 0 where it has none and stands among those that have.
  rate     int
);
create index waiting_by_due on errand.waiting (due, no) where kind = 's';
-- An ordered lane does not look at ranks.
create index waiting_by_lane on errand.waiting (lane, (case when flags & 16384 = 0 then rank else -1 end), place) where kind = 'p';
create index waiting_gathered on errand.waiting (lane, (case when flags & 16384 = 0 then rank else -1 end), place) where kind = 'g';
create index waiting_gathered_since on errand.waiting (lane, due) where kind = 'g';
create index waiting_with_slot on errand.waiting (no) where flags & 65536 <> 0 and kind in ('s', 'b');
create index waiting_by_rate on errand.waiting (queue, rank, rate, place) where kind = 'r';
create index waiting_rated on errand.waiting (queue, rank, place) where kind = 'r';
create index waiting_for_rate on errand.waiting (rate) where kind in ('r', 'u') and rate is not null;
create index waiting_of_lane on errand.waiting (lane) where kind <> 'p' and lane is not null;
create index waiting_of_rate on errand.waiting (rate) where rate is not null;
create index suspects on errand.waiting (queue, rank, place) where kind = 'u';

create index ready_by_expiry on errand.ready (expires, no) where expires is not null;
create index waiting_by_expiry on errand.waiting (expires, no) where expires is not null;

create table errand.done (
  no       bigint primary key,
  state    smallint not null,
  flags    int not null,
  attempts int not null,
  crashes  smallint not null,
  started  bigint,
  finished bigint not null,
  -- When it may be pruned; null while an unfinished job needs it after that.
  until    bigint,
  result   text,
  error    text
);
create index done_by_until on errand.done (until);
create index done_by_state on errand.done (state, no) where state <> 4;

-- What only some jobs have, once they have been run, put off or cancelled.
create table errand.course (
  no       bigint primary key,
  started  bigint,
  error    text,
  progress text,
  due      bigint,
  cancel_at bigint,
  because  text
);
create table errand.history (
  no      bigint not null,
  seq     bigint not null default nextval('errand.counter'),
  -- Null with log lines.
  attempt int,
  at      bigint,
  -- An error, or a log line.
  said    text not null,
  primary key (no, seq)
);
create table errand.step (
  no     bigint not null,
  name   text not null,
  result text not null,
  seq    bigint not null default nextval('errand.counter'),
  primary key (no, name)
);

create table errand.edge (
  waiter bigint not null,
  index  int not null,
  member bigint not null,
  -- Of the member; it may be gone.
  id     text not null,
  -- Whether the waiter runs whatever becomes of the member.
  run    boolean not null,
  -- Counted in the waiter's `pending`.
  open   boolean not null,
  seq    bigint not null default nextval('errand.counter'),
  primary key (waiter, index)
) with (fillfactor = 45);
create index edge_by_member on errand.edge (member, seq);
-- Whose edges are to be followed, as far as they were there by then: first in, first out.
create table errand.cascade (
  seq    bigint primary key default nextval('errand.counter'),
  member bigint not null,
  reopened  boolean not null,
  succeeded boolean not null,
  -- The only one that is to hear of it, if not all.
  waiter bigint,
  -- The last edge that was followed.
  after  bigint not null default 0
);

create table errand.uniq (
  task  int not null,
  key   text not null,
  no    bigint not null,
  id    text not null,
  until bigint,
  primary key (task, key)
);
create index uniq_by_until on errand.uniq (until) where until is not null;

create table errand.worker (
  no       int generated always as identity primary key,
  id       text not null unique,
  -- Raised by resync, so that earlier calls act no more.
  epoch    int not null default 1,
  said     json not null,
  queues   text[] not null,
  lease_ms bigint not null,
  started  bigint not null,
  deadline bigint not null,
  parked   boolean not null default false,
  -- Set, in the order of their going, once no call of it counts any more; its jobs are being taken back.
  gone     bigint
) with (fillfactor = 20, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0);
create table errand.message (
  worker int not null,
  kind   text not null,
  seq    bigint not null default nextval('errand.counter'),
  body   text not null,
  told   boolean not null default false,
  primary key (worker, kind)
);
create table errand.cancel (
  worker int not null,
  seq    bigint not null default nextval('errand.counter'),
  no     bigint not null,
  claim  bigint not null,
  primary key (worker, seq)
);

-- Moves to other stores and from them. What stands in `leaving` was taken and not dropped, the first taken first: a job that waits
-- with the row of its place, whose kind is then `l` if it stood in its line; a final one stays in `done`. `aside` is one that was
-- placed already and is needed here.
create table errand.leaving (
  no       bigint primary key,
  seq      bigint not null default nextval('errand.counter'),
  ticket   text not null,
  aside    boolean not null default false,
  kind     "char",
  queue    int,
  rank     smallint,
  place    bigint,
  task     int,
  flags    int,
  keep_succeeded int,
  keep_failed    int,
  attempts int,
  crashes  smallint,
  expires  bigint,
  due      bigint,
  pending  int,
  keeps_slot boolean
);
create index leaving_in_order on errand.leaving (seq) where not aside;
create index leaving_aside on errand.leaving (seq) where aside;
-- Jobs that were moved from here keep their number, by which edges still know them.
create table errand.departed (
  no bigint primary key,
  id text not null unique,
  at bigint not null
);
create index departed_by_time on errand.departed (at);
-- The last ticket under which a job has come.
create table errand.arrived (
  id     text primary key,
  ticket text not null,
  at     bigint not null
);
create index arrived_by_time on errand.arrived (at);
-- Schedules that fire elsewhere; without a record once they are there.
create table errand.left_schedule (
  name   text primary key,
  record json
);
create table errand.moving (single boolean primary key default true check (single), identity text, target json);
insert into errand.moving (identity) values (null);

create table errand.pruned (
  id text primary key,
  at bigint not null
);
create index pruned_by_time on errand.pruned (at);

-- Counters are appended by each call and added up by upkeep, so that no two calls meet in a row.
create table errand.move (queue int not null, was smallint not null, now smallint not null, n int not null);
create table errand.tally (queue int not null, state smallint not null, n bigint not null, primary key (queue, state));
create table errand.run (at bigint not null, task int not null, outcome smallint not null, n int not null, ran_ms bigint not null);
create table errand.stat (
  at bigint not null, task int not null, outcome smallint not null, n bigint not null, ran_ms bigint not null,
  primary key (at, task, outcome)
);

-- Who listens to events, and who waits for an end; rows of dead processes count no more after `until`, by the server's clock.
create table errand.listener (id text primary key, until timestamptz not null);
create table errand.awaited (job text not null, listener text not null, until timestamptz not null, primary key (job, listener));

alter table errand.ready   set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_scale_factor = 0.1, autovacuum_analyze_threshold = 20000);
alter table errand.running set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_scale_factor = 0.1, autovacuum_analyze_threshold = 20000);
