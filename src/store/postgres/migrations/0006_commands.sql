-- What people ask of jobs and queues, and what running jobs say of themselves. One answer per id, in order.

create function errand.change(
  p_now bigint, p_ids text[], p_rank smallint, p_due_at bigint, p_due_in bigint, p_input text, p_version int
) returns table (answers text[], arrivals text) language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  c errand.context;
  given text[] := '{}';
  job_id text;
begin
  perform errand.enter();
  c := errand.begin(p_now, null);
  foreach job_id in array p_ids loop
    given := given || errand.change_one(c, job_id, p_rank, coalesce(p_due_at, c.now + p_due_in), p_input, p_version);
  end loop;
  return query select given, current_setting('errand_call.arrivals', true);
end $$;

-- A waiting job back in its place: as it was gathered, as its group's leader, or as it is.
create function errand.stand_again(j errand.job, p_since bigint, p_led int) returns void language plpgsql as $$
begin
  if j.kind = 'l' then
    perform errand.stand(j);
    return;
  end if;
  if j.kind = 'g' then j.due := p_since; end if;
  perform errand.put(j, j.kind);
  if p_led is not null then update errand.gathering set leader = j.no where no = p_led; end if;
end $$;

create function errand.change_one(c errand.context, p_id text, p_rank smallint, p_due bigint, p_input text, p_version int) returns text
language plpgsql as $$
declare
  job_no bigint := errand.number_here(p_id);
  j errand.job;
  new_state int;
  in_lane int;
  since bigint;
  led int;
begin
  loop
    new_state := errand.state_of(job_no);
    if new_state is null then return 'unknown'; end if;
    if new_state >= 3 then return case when new_state = 3 then 'running' else 'final' end; end if;
    select w.due into since from errand.waiting w where w.no = job_no and w.kind = 'g';
    select g.no into led from errand.gathering g where g.leader = job_no;
    j := errand.take(job_no);
    exit when j.no is not null;
  end loop;

  if p_input is not null then
    update errand.body set input = p_input,
      more = (select nullif(json_object_agg(key, value)::text, '{}')::json from (
        select key, value from json_each(coalesce(more, '{}')) where key <> 'version'
        union all select 'version', to_json(p_version) where p_version is not null
      ) parts)
    where no = job_no;
  end if;
  if p_rank is not null then
    j.rank := p_rank;
    update errand.body set rank = p_rank where no = job_no;
  end if;
  if p_due > c.now then in_lane := errand.hand_in(j); end if;
  if p_due is null or j.state = 1 then
    if p_due is not null then j.due := case when p_due > c.now then p_due end; end if;
    if j.kind = 'l' then
      insert into errand.ready (queue, rank, place, no, task, flags, keep_succeeded, keep_failed, attempts, crashes, expires)
      values (j.queue, j.rank, j.place, j.no, j.task, j.flags, j.keep_succeeded, j.keep_failed, j.attempts, j.crashes, j.expires);
    else
      perform errand.stand_again(j, since, led);
    end if;
  elsif p_due <= c.now and j.kind in ('g', 'r', 'u', 'l') then
    -- Where it stood, on its side of the lane, but at the end.
    j.place := nextval('errand.counter');
    perform errand.stand_again(j, since, led);
    if j.kind <> 'g' then perform errand.arrived(j.queue); end if;
  elsif p_due > c.now then
    new_state := 0;
    perform errand.postpone(j, p_due);
  else
    new_state := 2;
    perform errand.line_up(j);
  end if;
  if in_lane is not null then perform errand.admit(array[in_lane]); end if;
  perform errand.tell(c, j, 'changed', new_state, j.attempts, null);
  return 'changed';
end $$;

create function errand.cancel(p_now bigint, p_ids text[]) returns table (answers text[], arrivals text) language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  c errand.context;
  given text[] := '{}';
  job_id text;
begin
  perform errand.enter();
  c := errand.begin(p_now, null);
  foreach job_id in array p_ids loop
    given := given || errand.cancel_one(c, errand.number_here(job_id));
    perform errand.spread(c, 500);
  end loop;
  return query select given, current_setting('errand_call.arrivals', true);
end $$;

create function errand.cancel_one(c errand.context, p_no bigint) returns text language plpgsql as $$
declare
  j errand.job;
  r errand.running;
  asked bigint;
  now_state int;
begin
  loop
    now_state := errand.state_of(p_no);
    if now_state is null then return 'unknown'; end if;
    if now_state >= 4 then return 'final'; end if;
    j := errand.take(p_no);
    if j.no is not null then
      perform errand.finish(c, j, 6, null, null, null);
      return 'cancelled';
    end if;

    select cancel_at into asked from errand.running where worker = any (array(select no from errand.worker)) and no = p_no for update;
    if asked is not null then return 'cancelling'; end if;
    update errand.running set cancel_at = c.now, flags = flags | 4096
    where worker = any (array(select no from errand.worker)) and no = p_no returning * into r;
    if r.no is not null then
      insert into errand.cancel (worker, no, claim) values (r.worker, r.no, r.claim);
      perform errand.call(r.worker);
      perform errand.tell_of(c, p_no, 'cancelling', 3, r.attempts + 1);
      return 'cancelling';
    end if;
  end loop;
end $$;

create function errand.retry(p_now bigint, p_ids text[]) returns table (answers text[], arrivals text) language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  c errand.context;
  given text[] := '{}';
  job_id text;
begin
  perform errand.enter();
  c := errand.begin(p_now, null);
  foreach job_id in array p_ids loop
    given := given || errand.retry_one(c, job_id);
    perform errand.spread(c, 500);
  end loop;
  return query select given, current_setting('errand_call.arrivals', true);
end $$;

create function errand.retry_one(c errand.context, p_id text) returns text language plpgsql as $$
declare
  job_no bigint := errand.number_here(p_id);
  now_state int := errand.state_of(job_no);
  due_then bigint;
  j errand.job;
begin
  if now_state is null then return 'unknown'; end if;
  if now_state < 4 then return 'not final'; end if;

  select due into due_then from errand.course where no = job_no;
  j := errand.reopen(job_no, due_then);
  update errand.course set started = null, progress = null where no = job_no;
  j.attempts := 0;
  j.crashes := 0;
  if j.flags & 1024 <> 0 then
    perform errand.block(j);
    perform errand.tell(c, j, 'retried', 1, 0, null);
  else
    update errand.edge set open = false where waiter = job_no and open;
    perform errand.line_up(j);
    perform errand.tell(c, j, 'retried', 2, 0, null);
  end if;
  perform errand.mark_reopened(job_no);
  return 'retried';
end $$;

create function errand.remove(p_now bigint, p_ids text[]) returns table (answers text[], arrivals text) language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  c errand.context;
  given text[] := '{}';
  job_id text;
begin
  perform errand.enter();
  c := errand.begin(p_now, null);
  foreach job_id in array p_ids loop
    given := given || errand.remove_one(c, job_id);
    perform errand.spread(c, 500);
  end loop;
  return query select given, current_setting('errand_call.arrivals', true);
end $$;

create function errand.remove_one(c errand.context, p_id text) returns text language plpgsql as $$
declare
  job_no bigint := errand.number_here(p_id);
  now_state int;
  j errand.job;
begin
  loop
    now_state := errand.state_of(job_no);
    if now_state is null then return 'unknown'; end if;
    if now_state = 3 then return 'running'; end if;
    exit when now_state >= 4;
    j := errand.take(job_no);
    if j.no is not null then
      perform errand.finish(c, j, 6, null, null, null);
      exit;
    end if;
  end loop;
  delete from errand.uniq u where u.no = job_no;
  perform errand.tell_of(c, job_no, 'removed', d.state, d.attempts) from errand.done d where d.no = job_no;
  perform errand.erase(job_no);
  if c.awaited then perform errand.tell_final(p_id); end if;
  return 'removed';
end $$;

create function errand.release(p_now bigint, p_ids text[], p_results text[], p_spares text) returns table (answers text[], arrivals text) language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  c errand.context;
  given text[] := '{}';
  job_no bigint;
  j errand.job;
begin
  perform errand.enter();
  perform set_config('errand_call.spares', p_spares, true);
  c := errand.begin(p_now, null);
  for nth in 1 .. cardinality(p_ids) loop
    job_no := errand.number_here(p_ids[nth]);
    if job_no is null then
      given := given || 'unknown'::text;
      continue;
    end if;
    perform from errand.waiting where no = job_no and kind = 'b' and flags & 1024 <> 0;
    if not found then
      given := given || 'not held'::text;
      continue;
    end if;
    j := errand.take(job_no);
    perform errand.finish_and_follow(c, j, 4, p_results[nth], null, null);
    perform errand.spread(c, 500);
    given := given || 'released'::text;
  end loop;
  return query select given, current_setting('errand_call.arrivals', true);
end $$;

-- Progress, log lines and steps of running jobs, each as { kind, no or id, claim, … }. As with turns, it is sent again with
-- `p_enter` where it met somebody behind the gate.
create function errand.report(p_worker text, p_epoch int, p_now bigint, p_enter boolean, p_reports json) returns text[] language plpgsql
set lock_timeout = '50ms' set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  w errand.worker;
  c errand.context := errand.begin(p_now, null);
  r errand.running;
  e json;
  answers text[] := '{}';
  j errand.job;
begin
  if p_enter then perform set_config('lock_timeout', '10s', true); end if;
  select * into w from errand.worker where id = p_worker and gone is null for key share;
  if p_enter then perform errand.enter(); end if;
  if w.epoch <> p_epoch then raise exception 'A call from before the last resync.' using errcode = 'ER003'; end if;
  for e in select value from json_array_elements(p_reports) loop
    select * into r from errand.running
    where worker = w.no and no = coalesce((e ->> 'no')::bigint, errand.number_of(e ->> 'id')) and claim = (e ->> 'claim')::bigint for update;
    if not found then
      answers := answers || 'stale'::text;
      continue;
    end if;
    j.no := r.no;
    if e ->> 'kind' = 'step' then
      insert into errand.step (no, name, result) values (r.no, e ->> 'name', e ->> 'result') on conflict (no, name) do nothing;
      answers := answers || case when found then 'written' else 'duplicate' end;
      if r.flags & 8192 = 0 then update errand.running set flags = flags | 8192 where worker = r.worker and no = r.no; end if;
      continue;
    end if;
    if e ->> 'kind' = 'progress' then
      insert into errand.course (no, progress) values (r.no, e ->> 'progress') on conflict (no) do update set progress = excluded.progress;
      if r.flags & 2048 = 0 then update errand.running set flags = flags | 2048 where worker = r.worker and no = r.no; end if;
      perform errand.tell(c, j, 'progress', 3, r.attempts + 1, ',"progress":' || (e ->> 'progress'));
    else
      insert into errand.history (no, said) values (r.no, e ->> 'line');
      perform errand.tell(c, j, 'log', 3, r.attempts + 1, ',"line":' || (e ->> 'line'));
    end if;
    answers := answers || 'written'::text;
  end loop;
  return answers;
end $$;

create function errand.pause(p_queue text, p_paused boolean) returns void language plpgsql as $$
begin
  if p_paused then perform errand.queue_no(p_queue); end if;
  update errand.queue set paused = p_paused, seen = seen or p_paused where name = p_queue;
end $$;

-- Leaves a message for one incarnation, or for all that are alive.
create function errand.send(p_to text, p_kind text, p_body text) returns void language plpgsql as $$
begin
  insert into errand.message (worker, kind, body)
  select no, p_kind, p_body from errand.worker where (p_to = 'all' or id = p_to) and gone is null order by no
  on conflict (worker, kind) do update set seq = excluded.seq, body = excluded.body, told = false;
  perform errand.call(no) from errand.worker where (p_to = 'all' or id = p_to) and gone is null;
end $$;

create function errand.put_schedules(p_now bigint, p_names text[], p_rules text[], p_next bigint[]) returns void language plpgsql as $$
declare
  c errand.context := errand.begin(p_now, null);
begin
  insert into errand.schedule (name, rule, next_at, declared)
  select distinct on (name) name, rule, next_at, c.now from unnest(p_names, p_rules, p_next) with ordinality s (name, rule, next_at, nth)
  -- One that was moved fires elsewhere.
  where not exists (select from errand.left_schedule l where l.name = s.name) order by name, nth desc
  on conflict (name) do update set declared = excluded.declared,
    next_at = case when schedule.rule = excluded.rule then schedule.next_at else excluded.next_at end, rule = excluded.rule;
  -- What was taken this very moment stood in the way of the insert until it was gone.
  delete from errand.schedule s using errand.left_schedule l where s.name = any (p_names) and l.name = s.name;
end $$;

create type errand.tick as (name text, at bigint, next bigint, job json);

-- Several ticks of one schedule come one after the other, those of different ones together.
create function errand.fire(p_now bigint, p_ticks json) returns table (answers text[], arrivals text) language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan as $$
declare
  c errand.context;
  ticks errand.tick[] := array(select json_populate_record(null::errand.tick, value) from json_array_elements(p_ticks));
  fired bigint[] := '{}';
  nths bigint[];
begin
  perform errand.enter();
  c := errand.begin(p_now, null);
  for nths in
    select array_agg(nth) from (
      select ordinality as nth, row_number() over (partition by name order by ordinality) as round from unnest(ticks) with ordinality
    ) t group by round order by round
  loop
    fired := fired || errand.fire_once(c, ticks, nths);
  end loop;
  answers := array(select case when nth = any (fired) then 'fired' else 'stale' end from generate_series(1, cardinality(ticks)) nth);
  arrivals := current_setting('errand_call.arrivals', true);
  return next;
end $$;

-- The comparison of times is what makes a tick fire at most once, however many fire it. Returns which have fired.
create function errand.fire_once(c errand.context, p_ticks errand.tick[], p_nths bigint[]) returns bigint[] language plpgsql as $$
declare
  fired bigint[];
  ids text[];
  names text[];
  outcomes json[];
begin
  with due as materialized (
    select t.*, nth from unnest(p_nths) nth cross join lateral (select (p_ticks[nth]).*) t order by name
  ), moved as (
    update errand.schedule s set next_at = d.next from due d where s.name = d.name and not s.paused and s.next_at = d.at returning d.nth
  )
  select array_agg(nth order by nth) into fired from moved;

  select array_agg((p_ticks[nth]).job ->> 'id' order by at), array_agg((p_ticks[nth]).name order by at), array_agg(json_build_array((p_ticks[nth]).job) order by at)
  into ids, names, outcomes from unnest(fired) with ordinality f (nth, at) where (p_ticks[nth]).job is not null;
  if ids is null then return coalesce(fired, '{}'); end if;
  outcomes := errand.insert_in_order(c, outcomes);
  update errand.schedule s set last_job = case when o.outcome ->> 'kind' = 'kept' then o.outcome ->> 'other' else o.id end
  from (select name, id, outcome -> 0 as outcome from unnest(names, ids, outcomes) o (name, id, outcome)) o
  where s.name = o.name and o.outcome ->> 'kind' <> 'refused';
  return fired;
end $$;
