-- What holds ready jobs back: lanes with their slots, groups that are handed out together, rates with their tokens.

-- Lanes and rates count the jobs that name them, and those of them that are not final: with the last they are forgotten.
create table errand_lane (
  id         integer primary key,
  name       text not null unique,
  slots      integer not null,
  used       integer not null default 0,
  pinned     integer not null default 0, -- its value was set by hand
  jobs       integer not null default 0,
  unfinished integer not null default 0
);

-- Jobs of one lane and queue that are handed out together. A job names its group by the negated number.
create table errand_group (
  id         integer primary key,
  name       text not null,
  queue      integer not null,
  size       integer not null,
  wait_ms    integer not null,
  standing   integer not null default 0,  -- parked in it
  leader     integer,                     -- stands in the ready line for all of them
  ripe       integer,                     -- when it will be time, while no leader stands there
  jobs       integer not null default 0,
  unfinished integer not null default 0,
  unique (name, queue)
);
create index errand_group_ripe on errand_group (ripe) where ripe is not null;
create table errand_gathered (
  grp   integer not null,
  rank  integer not null,
  place integer not null,
  seq   integer not null,
  since integer not null,
  primary key (grp, rank, place)
) without rowid;
create index errand_gathered_since on errand_gathered (grp, since);
-- Who led the group in which a running job was claimed, if another did.
create table errand_grouped (
  seq    integer primary key,
  leader blob not null
);

create table errand_rate (
  id         integer primary key,
  name       text not null unique,
  tokens     integer not null,
  per_ms     integer not null,
  closed     integer not null default 0, -- until then none starts, whatever tokens are left
  tight      integer not null default 0, -- may have too few tokens for its jobs in the ready line
  lined      integer not null default 0, -- of its jobs there; of all rates, `lined` in meta
  pinned     integer not null default 0,
  jobs       integer not null default 0,
  unfinished integer not null default 0
);
create index errand_rate_tight on errand_rate (id) where tight = 1 and lined > 0;
create table errand_rate_start (
  rate  integer not null,
  at    integer not null,
  seq   integer not null,
  claim integer not null,
  primary key (rate, at, seq, claim)
) without rowid;

-- The first of each rate's jobs by queue and rank; `closed` is when its rate has a token again, 0 if it may have one now.
create table errand_rate_line (
  queue  integer not null,
  rank   integer not null,
  rate   integer not null,
  head   integer not null,
  closed integer not null default 0,
  primary key (queue, rank, rate)
) without rowid;
create index errand_rate_line_open on errand_rate_line (queue, rank, head) where closed = 0;
create index errand_rate_line_closed on errand_rate_line (closed) where closed > 0;
create index errand_rate_line_rate on errand_rate_line (rate);

insert into errand_meta values ('rates swept', 0), ('lined', 0);
