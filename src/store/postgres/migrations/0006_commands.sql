-- What people ask of jobs and queues, and what running jobs say of themselves.

-- One answer per id, in order.
create function errand.command(p_now bigint, p_spares text, p_what text, p_ids text[], p_results text[], p_change json)
returns table (answers text[], arrivals text) language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  c errand.context;
  since bigint := 0;
begin
  perform errand.enter();
  perform set_config('errand_call.spares', p_spares, true);
  c := errand.begin(p_now, null);
  for nth in 1 .. cardinality(p_ids) loop
    answers := answers || case p_what
      when 'change' then errand.change_one(c, p_ids[nth], p_change)
      when 'cancel' then errand.cancel_one(c, p_ids[nth])
      when 'retry' then errand.retry_one(c, p_ids[nth])
      when 'remove' then errand.remove_one(c, p_ids[nth])
      when 'release' then errand.release_one(c, p_ids[nth], p_results[nth])
    end;
    if errand.spread(c, 500, since) < 500 then since := nextval('errand.counter'); end if;
  end loop;
  arrivals := current_setting('errand_call.arrivals', true);
  return next;
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

create function errand.change_one(c errand.context, p_id text, p_change json) returns text language plpgsql as $$
declare
  new_rank smallint := (p_change ->> 'rank')::smallint;
  new_due bigint := coalesce((p_change ->> 'dueAt')::bigint, c.now + (p_change ->> 'dueIn')::bigint);
  new_input text := p_change ->> 'input';
  job_no bigint := errand.number_here(p_id);
  j errand.job;
  new_state int;
  in_lane int;
  since bigint;
  led int;
  known bigint;
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

  if new_input is not null then
    update errand.body set input = new_input,
      more = (select nullif(json_object_agg(key, value)::text, '{}')::json from (
        select key, value from json_each(coalesce(more, '{}')) where key <> 'version'
        union all select 'version', p_change -> 'version' where p_change -> 'version' is not null
      ) parts)
    where no = job_no;
  end if;
  if new_rank is not null then
    j.rank := new_rank;
    update errand.body set rank = new_rank where no = job_no;
  end if;
  if new_due > c.now then
    in_lane := errand.hand_in(j);
    j.flags := j.flags & ~65536;
  end if;
  if new_due is not null and j.state = 0 and j.pending > 0 then
    update errand.edge set open = false where waiter = j.no and open;
    j.pending := null;
  end if;
  if new_due is null or j.state = 1 then
    if new_due is not null then j.due := case when new_due > c.now then new_due end; end if;
    if j.kind = 'l' then
      perform errand.lower();
      insert into errand.ready (queue, rank, place, no, task, flags, keep_succeeded, keep_failed, attempts, crashes, expires)
      values (j.queue, j.rank, j.place, j.no, j.task, j.flags, j.keep_succeeded, j.keep_failed, j.attempts, j.crashes, j.expires);
    else
      perform errand.stand_again(j, since, led);
    end if;
  elsif new_due <= c.now and j.kind in ('g', 'r', 'u', 'l') then
    -- Where it stood, on its side of the lane, but at the end.
    if j.flags & 131072 = 0 then j.place := nextval('errand.counter'); end if;
    perform errand.stand_again(j, since, led);
    if j.kind <> 'g' then perform errand.arrived(j.queue); end if;
  elsif new_due > c.now then
    new_state := 0;
    known := errand.first_moment();
    perform errand.postpone(j, new_due);
    if errand.is_sooner(c.now, known) then perform errand.arrived(j.queue); end if;
  else
    new_state := 2;
    perform errand.line_up(j);
  end if;
  if in_lane is not null then perform errand.admit(array[in_lane]); end if;
  perform errand.tell(c, j, 'changed', new_state, j.attempts, null);
  return 'changed';
end $$;

create function errand.cancel_one(c errand.context, p_id text) returns text language plpgsql as $$
declare
  job_no bigint := errand.number_here(p_id);
  j errand.job;
  r errand.running;
  asked bigint;
  now_state int;
begin
  loop
    now_state := errand.state_of(job_no);
    if now_state is null then return 'unknown'; end if;
    if now_state >= 4 then return 'final'; end if;
    j := errand.take(job_no);
    if j.no is not null then
      perform errand.finish(c, j, 6, null, null, null);
      return 'cancelled';
    end if;

    select cancel_at into asked from errand.running where worker = any (array(select no from errand.worker)) and no = job_no for update;
    if asked is not null then return 'cancelling'; end if;
    update errand.running set cancel_at = c.now, flags = flags | 4096
    where worker = any (array(select no from errand.worker)) and no = job_no returning * into r;
    if r.no is not null then
      insert into errand.cancel (worker, no, claim) values (r.worker, r.no, r.claim);
      perform errand.call(r.worker);
      perform errand.tell_of(c, job_no, 'cancelling', 3, r.attempts + 1);
      return 'cancelling';
    end if;
  end loop;
end $$;

create function errand.retry_one(c errand.context, p_id text) returns text language plpgsql as $$
declare
  job_no bigint := errand.number_here(p_id);
  now_state int := errand.state_of(job_no);
  due_then bigint;
  waits boolean;
  j errand.job;
begin
  if now_state is null then return 'unknown'; end if;
  if now_state < 4 then return 'not final'; end if;
  waits := (select d.started is null from errand.done d where d.no = job_no);

  select due into due_then from errand.course where no = job_no;
  j := errand.reopen(job_no, due_then);
  update errand.course set started = null, progress = null where no = job_no;
  j.attempts := 0;
  j.crashes := 0;
  -- One that never started waits again for those that have not ended.
  if j.flags & 1024 = 0 and waits then
    perform errand.open_edges(job_no);
    waits := exists (select from errand.edge where waiter = job_no and open);
  end if;
  if j.flags & 1024 <> 0 or waits then
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
  perform errand.erase(array[job_no]);
  if c.awaited then perform errand.tell_final(p_id); end if;
  return 'removed';
end $$;

create function errand.release_one(c errand.context, p_id text, p_result text) returns text language plpgsql as $$
declare
  job_no bigint := errand.number_here(p_id);
begin
  if job_no is null then return 'unknown'; end if;
  perform from errand.waiting where no = job_no and kind = 'b' and flags & 1024 <> 0;
  if not found then return 'not held'; end if;
  perform errand.finish_and_follow(c, errand.take(job_no), 4, p_result, null, null);
  return 'released';
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
