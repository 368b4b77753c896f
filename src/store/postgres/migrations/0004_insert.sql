-- Inserting. Plain jobs, which only wait for their turn or their time, go in by `insert_plain` and meet nobody; all
-- others, and calls with an id that is there already, by `insert_calls` behind the gate: in sets where none of them is refused or
-- stands in the way of another, and otherwise one after the other.

-- The same name has the same number in every store, but for two names that meet: then the later one is given its next.
create function errand.number_for(p_name text, p_tried int) returns int immutable language sql as $$
  select greatest(1, hashtextextended(p_name, p_tried) & 2147483647)::int
$$;

create function errand.new_number(p_table text, p_name text) returns int language plpgsql as $$
declare
  found_no int;
begin
  for tried in 0 .. 100 loop
    execute format('insert into errand.%I (no, name) values ($1, $2) on conflict do nothing', p_table) using errand.number_for(p_name, tried), p_name;
    execute format('select no from errand.%I where name = $1', p_table) into found_no using p_name;
    exit when found_no is not null;
  end loop;
  return found_no;
end $$;

create function errand.queue_no(p_name text) returns int language sql as $$
  select coalesce((select no from errand.queue where name = p_name), errand.new_number('queue', p_name))
$$;

create function errand.task_no(p_name text) returns int language sql as $$
  select coalesce((select no from errand.task where name = p_name), errand.new_number('task', p_name))
$$;

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
  timed boolean := coalesce(p_due_at, p_due_in, p_expires_at, p_expires_in) is not null;
  known bigint := case when timed then errand.first_moment() end;
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
  if timed and errand.is_sooner(c.now, known) then queues := array(select distinct queue from unnest(p_queues) queue); end if;
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

-- A job as `specOf` in encode.ts writes it.
create type errand.new_job as (
  "of" text, id text, task int, queue int, rank smallint, flags int, "keepSucceeded" int, "keepFailed" int, input text,
  "dueAt" bigint, "dueIn" bigint, "expiresAt" bigint, "expiresIn" bigint, key text, "onConflict" text, "keyMs" bigint,
  lane json, rate json, "on" json, run boolean, starter text, "starterClaim" bigint, more json
);

create function errand.insert_calls(p_now bigint, p_calls json, p_enter boolean) returns table (outcomes json, arrivals text) language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan as $$
declare
  c errand.context;
begin
  if p_enter then perform errand.enter(); end if;
  c := errand.begin(p_now, null);
  outcomes := array_to_json(errand.insert_in_order(c, array(select json_array_elements(p_calls))));
  arrivals := current_setting('errand_call.arrivals', true);
  return next;
end $$;

-- Each call as if it came after the one before.
create function errand.insert_in_order(c errand.context, p_calls json[]) returns json[] language plpgsql as $$
declare
  half int := cardinality(p_calls) / 2;
  outcomes json[];
begin
  if half = 0 then return array(select errand.insert_call(c, jobs, false) from unnest(p_calls) jobs); end if;
  outcomes := errand.insert_set(c, p_calls);
  if outcomes is not null then return outcomes; end if;
  return errand.insert_in_order(c, p_calls[: half]) || errand.insert_in_order(c, p_calls[half + 1 :]);
end $$;

-- One call: whole, or with one refusal not at all.
create function errand.insert_call(c errand.context, p_jobs json, p_apart boolean) returns json language plpgsql as $$
declare
  outcomes json[] := '{}';
  outcome json;
  each json;
  refused int;
begin
  if not p_apart and json_array_length(p_jobs) > 1 then
    outcomes := errand.insert_set(c, array[p_jobs]);
    if outcomes is not null then return outcomes[1]; end if;
  end if;
  begin
    for each in select value from json_array_elements(p_jobs) loop
      outcome := errand.insert_job(c, each, null, p_apart);
      outcomes := outcomes || outcome;
      if outcome ->> 'kind' = 'refused' then raise exception 'Refused.' using errcode = 'ER002'; end if;
    end loop;
  exception when sqlstate 'ER002' then
    refused := cardinality(outcomes);
    return (select json_agg(case when n = refused then outcome else '{"kind":"refused","reason":"companion"}' end order by n)
      from generate_series(1, json_array_length(p_jobs)) n);
  end;
  if not p_apart then perform errand.spread(c, 500); end if;
  return coalesce(array_to_json(outcomes), '[]');
end $$;

-- The outcomes of each call; or null and nothing done.
create function errand.insert_set(c errand.context, p_calls json[]) returns json[] language plpgsql as $$
declare
  jobs errand.new_job[];
  calls bigint[];
  outcomes json[];
begin
  select array_agg(json_populate_record(null::errand.new_job, j.spec) order by s.nth, j.nth), array_agg(s.nth order by s.nth) into jobs, calls
  from unnest(p_calls) with ordinality s (jobs, nth) cross join lateral json_array_elements(s.jobs) with ordinality j (spec, nth);
  outcomes := errand.outcomes_in_set(c, jobs);
  if outcomes is null then return null; end if;

  jobs := array(select jobs[o.nth] from unnest(outcomes) with ordinality o (outcome, nth) where o.outcome ->> 'kind' = 'inserted' order by o.nth);
  if cardinality(jobs) > 0 then perform errand.add_jobs(c, jobs); end if;
  return array(
    select coalesce(json_agg(outcome order by nth) filter (where nth > 0), '[]') from (
      select * from unnest(calls, outcomes) with ordinality o (call, outcome, nth) union all select generate_series(1, cardinality(p_calls)), null, 0
    ) o group by call order by call);
end $$;

create function errand.add_jobs(c errand.context, p_jobs errand.new_job[]) returns void language plpgsql as $$
declare
  nos bigint[] := array(select nextval('errand.counter') from unnest(p_jobs));
begin
  perform errand.take_keys(c, nos, p_jobs);
  perform errand.bring_limits(p_jobs, true);
  if errand.add_bodies(c, nos, p_jobs) < cardinality(nos) then raise exception 'An id was taken meanwhile.' using errcode = '40001'; end if;
  perform errand.place_jobs(c, nos, p_jobs);
  perform errand.spread(c, 500);
end $$;

-- What becomes of each, as long as none is refused, cancelled at once, or in the way of another; null otherwise.
create function errand.outcomes_in_set(c errand.context, p_jobs errand.new_job[]) returns json[] language plpgsql
set enable_hashjoin = on as $$
declare
  outcomes json[];
  alone boolean;
begin
  select bool_or(flags & 32768 <> 0 or coalesce("onConflict" = 'replace', false)) or count(distinct id) < count(*)
    or count(key) > count(distinct (task, key)) filter (where key is not null)
    or count(distinct lane ->> 'name') < count(distinct (lane ->> 'name', lane ->> 'slots')) filter (where lane is not null)
    or count(distinct rate ->> 'name') < count(distinct rate::text) or bool_or(errand.may_not_start(starter, "starterClaim"))
  into alone from unnest(p_jobs);
  if coalesce(alone, true) then return null; end if;
  perform errand.check_mark("of") from (select distinct "of" from unnest(p_jobs)) sent;

  with looked as materialized (
    select n.ordinality as nth, n.id, n."on", n.run, case
      when b.no is not null then case when b.task = n.task and b.input = n.input then '{"kind":"exists"}'::json end
      when exists (select from errand.departed d where d.id = n.id) then '{"kind":"exists"}'
      when u.id is not null then case when n."onConflict" <> 'refuse' then json_build_object('kind', 'kept', 'other', u.id) end
      else '{"kind":"inserted"}' end as outcome
    from unnest(p_jobs) with ordinality n
    left join lateral (select * from errand.body x where x.id = n.id limit 1) b on true
    left join lateral (
      select x.id from errand.uniq x where x.task = n.task and x.key = n.key and (x.until is null or x.until > c.now) limit 1
    ) u on n.key is not null
  ), wanted as (
    select w.nth, w.run, m.id from looked w cross join lateral json_array_elements_text(w."on") m (id) where w."on" is not null
  )
  select array_agg(l.outcome order by l.nth) filter (where l.outcome is not null), coalesce(bool_or(l.outcome is null), false) or exists (
    select from wanted w left join looked earlier on earlier.id = w.id and earlier.outcome ->> 'kind' = 'inserted'
    where coalesce(earlier.nth >= w.nth, not errand.may_wait_for(w.id, w.run))
  ) into outcomes, alone from looked l;
  return case when not alone then outcomes end;
end $$;

-- Whether the job whose handler inserts others runs no more under this claim, or was told to end. Whoever tells it comes through the gate.
create function errand.may_not_start(p_id text, p_claim bigint) returns boolean language plpgsql as $$
begin
  return p_id is not null and not exists (
    select from errand.running where worker = any (array(select no from errand.worker)) and no = errand.number_of(p_id) and claim = p_claim
      and flags & 4096 = 0);
end $$;

-- Whether it is known, and allows whoever waits for it to run.
create function errand.may_wait_for(p_id text, p_run boolean) returns boolean language plpgsql as $$
declare
  member_no bigint := errand.number_of_member(p_id);
begin
  return member_no is not null and (p_run or not exists (select from errand.done where no = member_no and state <> 4));
end $$;

-- Adds one job, or says why not. `input` may come apart from the rest. `apart` is without the gate, in somebody's own transaction (0009).
create function errand.insert_job(c errand.context, p_spec json, p_input text, p_apart boolean) returns json language plpgsql as $$
declare
  s errand.new_job := json_populate_record(null::errand.new_job, p_spec);
  job_no bigint;
  there errand.body;
  missing text;
  outcome json := '{"kind":"inserted"}';
begin
  perform errand.check_mark(s."of");
  if errand.may_not_start(s.starter, s."starterClaim") then
    return json_build_object('kind', 'refused', 'reason', 'stale', 'other', s.starter);
  end if;
  s.input := coalesce(p_input, s.input);
  select * into there from errand.body where id = s.id;
  if found then return errand.there_already(s, there); end if;
  perform from errand.departed where id = s.id;
  if found then return '{"kind":"exists"}'; end if;
  if s."on" is not null then
    missing := errand.missing_member(array(select json_array_elements_text(s."on")));
    if missing is not null then return json_build_object('kind', 'refused', 'reason', 'unknown', 'other', missing); end if;
  end if;

  job_no := nextval('errand.counter');
  if s.key is not null then
    outcome := errand.take_key(c, s, job_no, p_apart);
    if outcome ->> 'kind' in ('kept', 'refused') then return outcome; end if;
  end if;
  perform errand.bring_limits(array[s], true);
  if errand.add_bodies(c, array[job_no], array[s]) = 0 then
    -- Somebody else has committed the same id this very moment.
    delete from errand.uniq where no = job_no;
    select * into there from errand.body where id = s.id;
    return errand.there_already(s, there);
  end if;
  if p_apart then
    perform errand.place_apart(c, job_no, s);
  else
    perform errand.place_jobs(c, array[job_no], array[s]);
  end if;
  return outcome;
end $$;

create function errand.there_already(s errand.new_job, there errand.body) returns json language plpgsql as $$
begin
  if there.task = s.task and there.input = s.input then return '{"kind":"exists"}'; end if;
  return json_build_object('kind', 'refused', 'reason', 'conflict', 'other', s.id);
end $$;
