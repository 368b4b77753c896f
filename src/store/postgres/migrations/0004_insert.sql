-- Inserting. Plain jobs, which only wait for their turn or their time, go in by `insert_plain` and meet nobody; all
-- others, and calls with an id that is there already, by `insert_calls`, one job after the other.

-- The same name has the same number in every store, but for two names that meet: then the later one is given its next.
create function errand.number_for(p_name text, p_tried int) returns int immutable language sql as $$
  select greatest(1, hashtextextended(p_name, p_tried) & 2147483647)::int
$$;

create function errand.queue_no(p_name text) returns int language plpgsql as $$
declare
  found_no int;
begin
  for tried in 0 .. 100 loop
    select no into found_no from errand.queue where name = p_name;
    exit when found;
    insert into errand.queue (no, name) values (errand.number_for(p_name, tried), p_name) on conflict do nothing;
  end loop;
  return found_no;
end $$;

create function errand.task_no(p_name text) returns int language plpgsql as $$
declare
  found_no int;
begin
  for tried in 0 .. 100 loop
    select no into found_no from errand.task where name = p_name;
    exit when found;
    insert into errand.task (no, name) values (errand.number_for(p_name, tried), p_name) on conflict do nothing;
  end loop;
  return found_no;
end $$;

create function errand.names(p_queues text[], p_tasks text[]) returns table (kind "char", no int, name text) language sql as $$
  -- In order, so that two who bring the same ones do not wait for each other.
  select 'q'::"char", errand.queue_no(name), name from (select name from unnest(p_queues) name order by name) q
  union all select 't'::"char", errand.task_no(name), name from (select name from unnest(p_tasks) name order by name) t
$$;

-- Adds jobs of which none needs more than its line or its time, and returns the queues where there is work now. An id that is
-- there already is an error of its own (23505): to look for it with `on conflict` would cost every insert an eighth.
create function errand.insert_plain(
  p_store text, p_now bigint, p_ids text[], p_tasks int[], p_queues int[], p_ranks smallint[], p_flags int[], p_keep_succeeded int[],
  p_keep_failed int[], p_inputs text[], p_more text[], p_due_at bigint[], p_due_in bigint[], p_expires_at bigint[], p_expires_in bigint[]
) returns int[] language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan as $$
declare
  c errand.context := errand.begin(p_now, null);
  queues int[];
begin
  if p_store <> errand.mark_of_store() then perform errand.check_mark(p_store); end if;
  with job as materialized (
    select nextval('errand.counter') as no, j.*, coalesce(due_at, c.now + due_in) as due, coalesce(expires_at, c.now + expires_in) as expires
    from (
      select * from unnest(p_ids, p_tasks, p_queues, p_ranks, p_flags, p_keep_succeeded, p_keep_failed, p_inputs, p_more, p_due_at, p_due_in,
        p_expires_at, p_expires_in) with ordinality as u (id, task, queue, rank, flags, keep_succeeded, keep_failed, input, more, due_at,
        due_in, expires_at, expires_in, nth) order by nth
    ) j
  ), added as (
    insert into errand.body (no, id, created, task, queue, rank, flags, keep_succeeded, keep_failed, input, more)
    select no, id, c.now, task, queue, rank, flags, keep_succeeded, keep_failed, input, more::json from job
  ), lined as (
    insert into errand.ready (queue, rank, place, no, task, flags, keep_succeeded, keep_failed, expires)
    select queue, rank, no, no, task, flags, keep_succeeded, keep_failed, expires from job where due is null or due <= c.now
  ), put_off as (
    insert into errand.waiting (no, kind, queue, rank, task, flags, keep_succeeded, keep_failed, expires, due)
    select no, 's', queue, rank, task, flags, keep_succeeded, keep_failed, expires, due from job where due > c.now
  ), moved as (
    insert into errand.move (queue, was, now, n)
    select queue, -1, case when due > c.now then 0 else 2 end, count(*) from job group by 1, 3 returning queue, now
  )
  select array_agg(distinct queue) into queues from moved where now = 2;
  if exists (select from errand.departed) then
    perform from errand.departed where id = any (p_ids);
    if found then raise exception 'An id is that of a job which was moved.' using errcode = '23505'; end if;
  end if;
  if exists (select from errand.pruned) then delete from errand.pruned where id = any (p_ids); end if;
  if c.heard then
    perform errand.tell_of(c, b.no, 'enqueued', errand.state_of(b.no), 0) from errand.body b where b.id = any (p_ids) order by b.no;
  end if;
  return queues;
end $$;

-- Adds one job, or says why not. `input` may come apart from the rest.
create function errand.insert_job(c errand.context, s json, p_input text default null) returns json language plpgsql as $$
declare
  b errand.body;
  there errand.body;
  holder errand.uniq;
  member_ids text[];
  missing text;
  key_name text := s ->> 'key';
  outcome json := '{"kind":"inserted"}';
  j errand.job;
  of_lane json := s -> 'lane';
  of_rate json := s -> 'rate';
  expires_at bigint;
  cancelled_by text;
begin
  perform errand.check_mark(s ->> 'of');
  b.id := s ->> 'id';
  b.task := (s ->> 'task')::int;
  b.queue := (s ->> 'queue')::int;
  b.input := coalesce(p_input, s ->> 'input');
  select * into there from errand.body where id = b.id;
  if found then
    if there.task = b.task and there.input = b.input then return '{"kind":"exists"}'; end if;
    return json_build_object('kind', 'refused', 'reason', 'conflict', 'other', b.id);
  end if;
  perform from errand.departed where id = b.id;
  if found then return '{"kind":"exists"}'; end if;

  select array_agg(value order by ordinality) into member_ids from json_array_elements_text(s -> 'on') with ordinality;
  missing := errand.missing_member(member_ids);
  if missing is not null then return json_build_object('kind', 'refused', 'reason', 'unknown', 'other', missing); end if;

  if key_name is not null then
    select * into holder from errand.uniq where task = b.task and key = key_name and (until is null or until > c.now);
    if found then
      if s ->> 'onConflict' = 'refuse' then return json_build_object('kind', 'refused', 'reason', 'taken', 'other', holder.id); end if;
      if s ->> 'onConflict' = 'replace' then j := errand.take(holder.no); end if;
      if j.no is null then return json_build_object('kind', 'kept', 'other', holder.id); end if;
      outcome := json_build_object('kind', 'replaced', 'other', holder.id);
      perform errand.finish(c, j, 6, null, null, b.id);
    end if;
  end if;

  b.no := nextval('errand.counter');
  b.created := c.now;
  b.rank := (s ->> 'rank')::smallint;
  b.flags := (s ->> 'flags')::int;
  b.keep_succeeded := (s ->> 'keepSucceeded')::int;
  b.keep_failed := (s ->> 'keepFailed')::int;
  b.more := s -> 'more';
  b.uniq := key_name;
  if of_lane is not null then
    b.lane := errand.lane_for(of_lane, b.queue);
  end if;
  if of_rate is not null then
    b.rate := errand.rate_for(of_rate);
  end if;
  if member_ids is not null then b.flags := b.flags | 64; end if;
  insert into errand.body select b.*;
  delete from errand.pruned where id = b.id;
  if key_name is not null then
    insert into errand.uniq (task, key, no, id, until) values (b.task, key_name, b.no, b.id, c.now + (s ->> 'keyMs')::bigint)
    on conflict (task, key) do update set no = excluded.no, id = excluded.id, until = excluded.until
    where uniq.until <= c.now or uniq.no = holder.no;
    -- Somebody's own transaction (0009) has taken it this very moment: looked at anew, it is known.
    if not found then raise exception 'The key was taken meanwhile.' using errcode = '40001'; end if;
  end if;
  if b.lane is not null then perform errand.admit(array[b.lane]); end if;

  j := row(b.no, -1, b.queue, b.rank, null, b.task, b.flags, b.keep_succeeded, b.keep_failed, 0, 0);
  j.due := coalesce((s ->> 'dueAt')::bigint, c.now + (s ->> 'dueIn')::bigint);
  j.expires := coalesce((s ->> 'expiresAt')::bigint, c.now + (s ->> 'expiresIn')::bigint);
  if member_ids is not null then
    perform errand.join_up(b.no, member_ids, (s ->> 'run')::boolean);
    cancelled_by := errand.cancelling_member(b.no);
  end if;

  if b.flags & 1024 <> 0 or cancelled_by is not null or exists (select from errand.edge where waiter = b.no and open) then
    perform errand.block(j);
    perform errand.tell(c, j, 'enqueued', 1, 0, null);
    if cancelled_by is not null then
      j := errand.take(b.no);
      perform errand.finish(c, j, 6, null, null, cancelled_by);
    end if;
  elsif j.due > c.now then
    perform errand.postpone(j, j.due);
    perform errand.tell(c, j, 'enqueued', 0, 0, null);
  else
    perform errand.line_up(j);
    perform errand.tell(c, j, 'enqueued', 2, 0, null);
  end if;
  return outcome;
end $$;

-- One call: whole, or with one refusal not at all.
create function errand.insert_call(c errand.context, p_jobs json) returns json language plpgsql as $$
declare
  outcomes json[] := '{}';
  outcome json;
  each json;
  refused int;
begin
  begin
    for each in select value from json_array_elements(p_jobs) loop
      outcome := errand.insert_job(c, each);
      outcomes := outcomes || outcome;
      if outcome ->> 'kind' = 'refused' then raise exception 'Refused.' using errcode = 'ER002'; end if;
    end loop;
  exception when sqlstate 'ER002' then
    refused := cardinality(outcomes);
    return (select json_agg(case when n = refused then outcome else '{"kind":"refused","reason":"companion"}' end order by n)
      from generate_series(1, json_array_length(p_jobs)) n);
  end;
  perform errand.spread(c, 500);
  return array_to_json(outcomes);
end $$;

create function errand.insert_calls(p_now bigint, p_calls json, p_enter boolean) returns table (outcomes json, arrivals text) language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan as $$
declare
  c errand.context;
  answers json[] := '{}';
  each json;
begin
  if p_enter then perform errand.enter(); end if;
  c := errand.begin(p_now, null);
  for each in select value from json_array_elements(p_calls) loop
    answers := answers || errand.insert_call(c, each);
  end loop;
  return query select array_to_json(answers), current_setting('errand_call.arrivals', true);
end $$;
