-- Accounts, their sessions, and the tokens that renew a session or reset a password.
-- Moments are milliseconds since 1970, UTC. Tokens are kept as SHA-256 only.
create table users (
  id              integer primary key autoincrement,
  email           text    not null unique,
  name            text,
  password_hash   text    not null,
  active          integer not null default 1,
  created_at      integer not null
) strict;

create table sessions (
  id         text    primary key,
  user_id    integer not null references users (id) on delete cascade,
  created_at integer not null,
  expires_at integer not null,
  revoked_at integer
) strict;

create index sessions_by_user on sessions (user_id);

create table refresh_tokens (
  hash       text    primary key,
  session_id text    not null references sessions (id) on delete cascade,
  created_at integer not null,
  used_at    integer
) strict;

create index refresh_tokens_by_session on refresh_tokens (session_id);

create table password_resets (
  hash       text    primary key,
  user_id    integer not null references users (id) on delete cascade,
  created_at integer not null,
  expires_at integer not null,
  used_at    integer
) strict;

create index password_resets_by_user on password_resets (user_id);
