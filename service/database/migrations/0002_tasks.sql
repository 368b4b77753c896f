-- What people asked for, the jobs that must still be enqueued for it, and the answers to repeated requests.
create table tasks (
  id           integer primary key autoincrement,
  task_id      text    not null unique,
  task_type    text    not null,
  user_id      integer not null references users (id) on delete cascade,
  status       text    not null default 'pending',
  progress     real    not null default 0,
  result       text,
  error        text,
  metadata     text    not null,
  created_at   integer not null,
  started_at   integer,
  completed_at integer
) strict;

create index tasks_by_user on tasks (user_id, id);

-- The few that may still change: what the follower looks at.
create index tasks_not_final on tasks (id) where status in ('pending', 'running');

-- Written in the transaction that makes a job necessary, deleted once the job is in the store.
create table outbox (
  id         text    primary key,
  task       text    not null,
  input      text    not null,
  options    text    not null,
  created_at integer not null
) strict;

create table idempotency (
  user_id     integer not null references users (id) on delete cascade,
  key         text    not null,
  fingerprint text    not null,
  resource_id text    not null,
  process     text    not null,
  status      integer,
  headers     text,
  body        text,
  created_at  integer not null,
  primary key (user_id, key)
) strict, without rowid;

create index idempotency_by_age on idempotency (created_at);
