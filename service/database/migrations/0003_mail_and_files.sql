-- The log of sent messages, and the files people uploaded.
create table sent_emails (
  id         text    primary key,
  user_id    integer references users (id) on delete cascade,
  recipient  text    not null,
  subject    text    not null,
  excerpt    text,
  priority   text    not null,
  message_id text    not null,
  sent_at    integer not null
) strict;

create index sent_emails_by_recipient on sent_emails (recipient, sent_at desc);
create index sent_emails_by_user on sent_emails (user_id, sent_at desc);

create table data_sources (
  id         text    primary key,
  user_id    integer not null references users (id) on delete cascade,
  name       text,
  kind       text    not null,
  bytes      integer not null,
  sha256     text    not null,
  created_at integer not null
) strict;

create index data_sources_by_user on data_sources (user_id, id);
