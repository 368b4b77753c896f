create function errand.check_name(p_what text, p_name text) returns void language plpgsql as $$
begin
  if p_name is null or p_name !~ '^[A-Za-z0-9_.:/@-]{1,200}$' then
    raise exception 'Expected % to be a name of 1 to 200 letters, digits or "_.:/@-", got %.', p_what, quote_nullable(left(p_name, 250))
      using errcode = '22023';
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
  if array_position(tags, null) is not null then
    raise exception 'Expected tags to be texts, got %.', tags using errcode = '22023';
  end if;
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
