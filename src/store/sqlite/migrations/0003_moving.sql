-- Moving jobs and schedules to another store, or taking them in. Workers of earlier schemas cannot open the file
-- any more; one that has it open already goes on, and finds nothing of what is leaving.

-- Taken and not dropped, the first taken first. The job's rows stay; scheduled and ready ones have left their place.
create table errand_leaving (
  n      integer primary key autoincrement,
  seq    integer not null unique,
  ticket text not null,
  state  integer not null,
  due    integer,                       -- of a scheduled job
  slot   integer not null default 0,    -- of its lane it had kept one
  aside  integer not null default 0     -- placed, and needed here until nobody waits for it
);
create index errand_leaving_aside on errand_leaving (n) where aside = 1;

-- Moved jobs keep their number, by which edges still know them.
create table errand_departed (
  seq integer primary key,
  id  blob not null unique,
  at  integer not null
);
create index errand_departed_at on errand_departed (at);

-- The last ticket under which a job has come.
create table errand_arrived (
  id     blob primary key,
  ticket text not null,
  at     integer not null
) without rowid;
create index errand_arrived_at on errand_arrived (at);

-- Schedules that fire elsewhere; without a record once they are there.
create table errand_left_schedule (
  name   text primary key,
  record text
) without rowid;

insert into errand_meta values ('identity', ''), ('moving to', '');
