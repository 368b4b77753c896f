-- Inside transactions of others: enqueueing, and ending a job together with what it did.
--
-- Such a transaction lasts as long as its owner likes, so nothing here takes the gate or a row that all wait for: lanes are
-- let out, members joined and slots handed in by upkeep, which a worker is asked for at its commit. What is taken for as long as
-- it lasts is the unique key of a new job, and the place of a job that ends.

-- New jobs that wait for others, which are not told yet.
create table errand.arriving (no bigint primary key, "on" text[] not null, run boolean not null);
-- Jobs that have ended with a slot to hand in, or members that were kept for them.
create table errand.ended_apart (no bigint primary key, flags int not null);

create function errand.check_apart(p_store text) returns void language plpgsql as $$
begin
  -- A statement that is its own transaction begins when that does.
  if now() = statement_timestamp() then raise exception 'There is no open transaction.' using errcode = 'ER005'; end if;
  if p_store <> errand.mark_of_store() then raise exception 'This is another store.' using errcode = 'ER006'; end if;
end $$;

-- As `names`, but waits for nobody: an open transaction may be bringing the same ones.
create function errand.names_now(p_queues text[], p_tasks text[]) returns table (kind "char", no int, name text) language plpgsql
set lock_timeout = '100ms' as $$
begin
  return query select * from errand.names(p_queues, p_tasks);
end $$;

-- Sleepers hear of it at the commit, and two workers that upkeep has something to do: one of them may just have died. Who falls
-- asleep before that looks again in its own time.
create function errand.wake_apart() returns void language plpgsql as $$
declare
  arrivals text := current_setting('errand_call.arrivals', true);
  nos text;
begin
  if current_setting('errand_call.upkeep', true) = 'due' then
    perform pg_notify('errand.news', 'u' || w.no) from (select no from errand.worker where gone is null order by deadline desc limit 2) w;
  end if;
  if arrivals is null or arrivals = '' then return; end if;
  select string_agg(w.no::text, ',') into nos from errand.worker w
  where w.parked and w.gone is null
    and w.queues && array(select name from errand.queue where no = any (string_to_array(arrivals, ',')::int[]) and not paused);
  if nos is not null then perform pg_notify('errand.news', 'w' || nos); end if;
end $$;

create function errand.leave_to_upkeep() returns void language sql as $$
  select set_config('errand_call.upkeep', 'due', true)
$$;

-- As `place_jobs` for one job: in no lane, and not yet told whom it waits for.
create function errand.place_apart(c errand.context, p_no bigint, s errand.new_job) returns void language plpgsql as $$
declare
  b errand.body;
  j errand.job;
  timed boolean := coalesce(s."dueAt", s."dueIn", s."expiresAt", s."expiresIn") is not null;
  known bigint := case when timed then errand.first_moment() end;
begin
  select * into b from errand.body where no = p_no;
  j := row(b.no, -1, b.queue, b.rank, null, b.task, b.flags, b.keep_succeeded, b.keep_failed, 0, 0);
  j.due := coalesce(s."dueAt", c.now + s."dueIn");
  j.expires := coalesce(s."expiresAt", c.now + s."expiresIn");
  if s."on" is not null then
    j.pending := json_array_length(s."on");
    perform errand.move(j.queue, -1, 1);
    perform errand.put(j, 'b');
    perform errand.leave_to_upkeep();
    insert into errand.arriving (no, "on", run) values (b.no, array(select json_array_elements_text(s."on")), s.run);
  elsif b.flags & 1024 <> 0 then
    perform errand.block(j);
  elsif j.due > c.now then
    perform errand.postpone(j, j.due);
  elsif b.lane is null then
    perform errand.line_up(j);
  else
    perform errand.leave_to_upkeep();
    j.place := b.no;
    j.due := case when b.lane < 0 then c.now end;
    perform errand.move(j.queue, -1, 2);
    perform errand.put(j, (case when b.lane < 0 then 'g' else 'p' end)::"char");
  end if;
  if timed and errand.is_sooner(c.now, known) then perform errand.arrived(j.queue); end if;
  perform errand.tell(c, j, 'enqueued', errand.state_of(b.no), 0, null);
end $$;

create function errand.insert_with(p_store text, p_now bigint, p_calls json) returns json language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  c errand.context := errand.begin(p_now, null);
  answers json[] := '{}';
  each json;
begin
  perform errand.check_apart(p_store);
  for each in select value from json_array_elements(p_calls) loop
    answers := answers || errand.insert_call(c, each, true);
  end loop;
  perform errand.wake_apart();
  return array_to_json(answers);
end $$;

-- 'settled', 'stale' or 'cancelling'. What the run has said is written first.
create function errand.settle_with(p_store text, p_now bigint, p_worker text, p_end json, p_reports json) returns text language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  c errand.context := errand.begin(p_now, null);
  worker_no int;
  job_no bigint := errand.number_of(p_end ->> 'id');
  asked record;
  j errand.job;
  each json;
begin
  perform errand.check_apart(p_store);
  select no into worker_no from errand.worker where id = p_worker and gone is null;
  select cancel_at into asked from errand.running
  where worker = worker_no and no = job_no and claim = (p_end ->> 'claim')::bigint for update;
  if not found then return 'stale'; end if;
  if asked.cancel_at is not null then return 'cancelling'; end if;

  j := errand.take_running(worker_no, job_no, (p_end ->> 'claim')::bigint);
  for each in select value from json_array_elements(p_reports) loop
    perform errand.report_apart(c, j, each);
  end loop;
  if exists (select from errand.course where no = job_no) then j.flags := j.flags | 2048; end if;
  j.attempts := j.attempts + 1;
  j.expires := null;
  insert into errand.run (at, task, outcome, n, ran_ms) values (c.now - c.now % 60000, j.task, 4, 1, (p_end ->> 'ran')::bigint);
  perform errand.finish_apart(c, j, p_end ->> 'result');
  for each in select value from json_array_elements(p_end -> 'follow') loop
    perform errand.insert_job(c, each, null, true);
  end loop;
  if j.flags & 128 <> 0 then perform errand.follow_apart(c, job_no, p_end ->> 'result'); end if;
  perform errand.wake_apart();
  return 'settled';
end $$;

create function errand.report_apart(c errand.context, j errand.job, e json) returns void language plpgsql as $$
begin
  if e ->> 'kind' = 'progress' then
    insert into errand.course (no, progress) values (j.no, e ->> 'progress') on conflict (no) do update set progress = excluded.progress;
    perform errand.tell(c, j, 'progress', 3, j.attempts + 1, ',"progress":' || (e ->> 'progress'));
  elsif e ->> 'kind' = 'log' then
    -- A report of its own may have brought it a moment ago.
    perform from errand.history where no = j.no and said = e ->> 'line';
    if found then return; end if;
    insert into errand.history (no, said) values (j.no, e ->> 'line');
    perform errand.tell(c, j, 'log', 3, j.attempts + 1, ',"line":' || (e ->> 'line'));
  end if;
end $$;

-- As `finish` for a job that succeeded, but for its slot and its members.
create function errand.finish_apart(c errand.context, j errand.job, p_result text) returns void language plpgsql as $$
declare
  job_id text;
begin
  select id into job_id from errand.body where no = j.no;
  if j.flags & 8192 <> 0 then delete from errand.step where no = j.no; end if;
  insert into errand.done (no, state, flags, attempts, crashes, started, finished, until, result)
  values (j.no, 4, j.flags & ~(4096 | 8192 | 65536), j.attempts, j.crashes, j.started, c.now, c.now + 60000 * j.keep_succeeded::bigint, p_result);
  perform errand.move(j.queue, 3, 4);
  if j.flags & 12 <> 0 then
    delete from errand.uniq u using errand.body b where b.no = j.no and u.task = b.task and u.key = b.uniq and u.no = j.no;
  end if;
  if j.flags & 32 <> 0 then perform errand.mark_waiters(j.no, true); end if;
  if j.flags & (1 | 64) <> 0 then
    perform errand.leave_to_upkeep();
    insert into errand.ended_apart (no, flags) values (j.no, j.flags);
  end if;
  perform errand.tell(c, j, 'succeeded', 4, j.attempts, null);
  if c.awaited then perform errand.tell_final(job_id); end if;
end $$;

create function errand.follow_apart(c errand.context, p_no bigint, p_result text) returns void language plpgsql as $$
declare
  b errand.body;
  payload text;
begin
  select * into b from errand.body where no = p_no;
  payload := format('{"id":%s,"task":%s,"state":"succeeded","input":%s%s}', to_json(b.id),
    (select to_json(name) from errand.task where no = b.task), b.input, case when p_result is not null then ',"result":' || p_result end);
  perform errand.insert_job(c, ((b.more -> 'onSucceeded')::jsonb || jsonb_build_object('id', errand.make_id(c.now)))::json, payload, true);
end $$;

-- What was left to be done when such transactions were committed; behind the gate, by upkeep.
create function errand.let_in(c errand.context, p_most int) returns int language plpgsql as $$
declare
  let_in int := 0;
  left_over record;
  j errand.job;
begin
  for left_over in delete from errand.ended_apart where no in (select no from errand.ended_apart order by no limit p_most) returning * loop
    j.no := left_over.no;
    j.flags := left_over.flags;
    perform errand.free_slot(j);
    if j.flags & 64 <> 0 then perform errand.unpin_members(c, array[j.no]); end if;
    let_in := let_in + 1;
  end loop;
  for left_over in select * from errand.arriving order by no limit p_most loop
    delete from errand.arriving where no = left_over.no;
    perform from errand.waiting where no = left_over.no and kind = 'b';
    if found then perform errand.join_members(c, left_over.no, left_over."on", left_over.run); end if;
    let_in := let_in + 1;
  end loop;
  return let_in;
end $$;

-- One that was removed meanwhile counts as cancelled, one that was pruned as settled.
create function errand.join_members(c errand.context, p_no bigint, p_on text[], p_run boolean) returns void language plpgsql as $$
declare
  cancelled_by text;
  j errand.job;
begin
  perform errand.join_up(p_no, p_on, p_run);
  cancelled_by := errand.cancelling_member(p_no);
  if cancelled_by is null and not p_run then
    select m.id into cancelled_by from unnest(p_on) with ordinality m (id, nth)
    where errand.number_of_member(m.id) is null and not exists (select from errand.pruned x where x.id = m.id) order by m.nth limit 1;
  end if;
  if cancelled_by is not null then
    j := errand.take(p_no);
    perform errand.finish(c, j, 6, null, null, cancelled_by);
    return;
  end if;
  update errand.waiting set pending = (select count(*) from errand.edge where waiter = p_no and open) where no = p_no;
  perform errand.move_on(c, p_no);
end $$;
