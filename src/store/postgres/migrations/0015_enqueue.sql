create function errand.check_name(p_what text, p_name text) returns void language plpgsql as $$
begin
  if p_name is null or p_name !~ '^[A-Za-z0-9_.:/@-]{1,200}$' then
    raise exception 'Expected % to be a name of 1 to 200 letters, digits or "_.:/@-", got %.', p_what, quote_nullable(left(p_name, 250))
      using errcode = '22023';
  end if;
end $$;

create function errand.check_text(p_what text, p_text text, p_most int) returns void language plpgsql as $$
begin
  if length(p_text) not between 1 and p_most then
    raise exception 'Expected % to be a text of 1 to % characters, got %.', p_what, p_most, quote_literal(left(p_text, 250)) using errcode = '22023';
  end if;
end $$;

create function errand.check_interval(p_what text, p_interval interval) returns void language plpgsql as $$
begin
  if p_interval is null or extract(epoch from p_interval) not between 0 and 365250 * 86400::bigint then
    raise exception 'Expected % to be an interval from 0 to 1000 years, got %.', p_what, quote_nullable(p_interval) using errcode = '22023';
  end if;
end $$;

-- As many bytes as programs take, unless they say otherwise.
create function errand.check_payload(p_what text, p_payload jsonb) returns void language plpgsql as $$
begin
  if octet_length(p_payload::text) > 1048576 then
    raise exception 'Expected % to be of at most 1048576 bytes, got % bytes. Keep what is large elsewhere, and give its name.',
      p_what, octet_length(p_payload::text) using errcode = '22023';
  end if;
end $$;

-- For triggers and for people: enqueues one job in the transaction that calls it, and gives the job's id. What the task says of
-- itself, the database does not know: queue, priority, retention and key are those given here. With a key that another job
-- holds nothing is added, and the id is that one's.
create function errand.enqueue(
  task text,
  input jsonb default 'null',
  queue text default 'default',
  priority text default 'normal',
  delay interval default null,
  due timestamptz default null,
  unique_key text default null,
  id text default null,
  tags text[] default null,
  metadata jsonb default null,
  keep_succeeded interval default '1 day',
  keep_failed interval default '14 days'
) returns text language plpgsql as $$
declare
  c errand.context := errand.begin(null, null);
  rank int := array_position(array['urgent', 'high', 'normal', 'low'], priority) - 1;
  new_id text := coalesce(id, errand.make_id(c.now));
  outcome json;
begin
  perform errand.check_name('task', task);
  perform errand.check_name('queue', queue);
  if rank is null then
    raise exception 'Expected priority to be urgent, high, normal or low, got %.', quote_nullable(priority) using errcode = '22023';
  end if;
  if delay is not null and due is not null then
    raise exception 'Expected delay or due, got both: delay % and due %.', quote_literal(delay), quote_literal(due) using errcode = '22023';
  end if;
  if delay is not null then perform errand.check_interval('delay', delay); end if;
  if not due <= '275760-09-13 00:00:00Z' or due = '-infinity' then
    raise exception 'Expected due to be a moment before the year 275760, got %.', quote_literal(due) using errcode = '22023';
  end if;
  perform errand.check_interval('keep_succeeded', keep_succeeded);
  perform errand.check_interval('keep_failed', keep_failed);
  perform errand.check_text('id', id, 200);
  perform errand.check_text('unique_key', unique_key, 500);
  if array_position(tags, null) is not null then
    raise exception 'Expected tags to be texts, got %.', tags using errcode = '22023';
  end if;
  perform errand.check_text('each of tags', each, 200) from unnest(tags) each;
  perform errand.check_payload('input', input);
  perform errand.check_payload('metadata', metadata);
  if jsonb_typeof(metadata) <> 'object' then
    raise exception 'Expected metadata to be an object, got %.', metadata using errcode = '22023';
  end if;
  outcome := errand.insert_job(c, json_strip_nulls(json_build_object(
    'of', errand.mark_of_store(), 'id', new_id, 'task', errand.task_no(task), 'queue', errand.queue_no(queue), 'rank', rank,
    'flags', case when unique_key is null then 0 else 8 end, 'key', unique_key,
    'keepSucceeded', ceil(extract(epoch from keep_succeeded) / 60)::int, 'keepFailed', ceil(extract(epoch from keep_failed) / 60)::int,
    'dueIn', (extract(epoch from delay) * 1000)::bigint, 'dueAt', (extract(epoch from due) * 1000)::bigint,
    'more', case when tags is not null or metadata is not null then json_build_object('tags', tags, 'metadata', metadata::text) end
  )), coalesce(input, 'null')::text, true);
  if outcome ->> 'kind' = 'refused' then
    raise exception 'A job with the id % exists already, with another task or input.', quote_literal(new_id) using errcode = '23505';
  end if;
  perform errand.wake_apart();
  return coalesce(outcome ->> 'other', new_id);
end $$;
