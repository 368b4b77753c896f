-- The one way in which a job becomes final, and what hangs on it: its slot, its key, its waiters (0016), its retention.

create function errand.finish(c errand.context, j errand.job, p_state int, p_result text, p_error text, p_because text)
returns void language plpgsql as $$
declare
  job_id text;
  started_at bigint := j.started;
  kept bigint := c.now + 60000 * (case when p_state = 4 then j.keep_succeeded else j.keep_failed end)::bigint;
begin
  select id into job_id from errand.body where no = j.no;
  if j.state <> 3 and j.flags & 2048 <> 0 then
    select started into started_at from errand.course where no = j.no;
  end if;
  if p_because is not null or j.cancel_at is not null or (j.due is not null and j.flags & 64 <> 0) then
    insert into errand.course (no, cancel_at, because, due) values (j.no, j.cancel_at, p_because, j.due)
    on conflict (no) do update set cancel_at = excluded.cancel_at, because = excluded.because, due = excluded.due;
    j.flags := j.flags | 2048;
  end if;
  if p_state = 4 and j.flags & 8192 <> 0 then
    delete from errand.step where no = j.no;
    j.flags := j.flags & ~8192;
  end if;

  insert into errand.done (no, state, flags, attempts, crashes, started, finished, until, result, error)
  values (j.no, p_state, j.flags & ~69632, j.attempts, j.crashes, started_at, c.now, kept, p_result, p_error);
  perform errand.move(j.queue, j.state, p_state);

  if j.flags & 12 <> 0 then
    delete from errand.uniq u using errand.body b where b.no = j.no and u.task = b.task and u.key = b.uniq and u.no = j.no;
  end if;
  perform errand.free_slot(j);
  if j.flags & 32 <> 0 then perform errand.mark_waiters(j.no, p_state = 4); end if;
  if j.flags & 64 <> 0 then perform errand.unpin_members(c, array[j.no]); end if;

  perform errand.tell(c, j, (array['succeeded', 'failed', 'cancelled', 'expired'])[p_state - 3], p_state, j.attempts,
    case when p_error is not null then ',"error":' || p_error end);
  if c.awaited then perform errand.tell_final(job_id); end if;
end $$;

create function errand.tell_final(p_id text) returns void language plpgsql as $$
begin
  perform from errand.awaited where job = p_id;
  if found then perform pg_notify('errand.news', 'f' || p_id); end if;
end $$;

-- Takes a final job as if it had never ended; its place is up to the caller.
create function errand.reopen(p_no bigint, p_due bigint) returns errand.job language plpgsql as $$
declare
  j errand.job;
  d errand.done;
begin
  delete from errand.done where no = p_no returning * into d;
  select b.no, d.state, b.queue, b.rank, null, b.task, d.flags & ~135168, b.keep_succeeded, b.keep_failed, d.attempts, d.crashes, null, p_due
  into j from errand.body b where b.no = p_no;
  if d.started is not null or d.flags & 2048 <> 0 then
    insert into errand.course (no, started) values (p_no, d.started)
    on conflict (no) do update set started = d.started, error = null, due = null, cancel_at = null, because = null;
    j.flags := j.flags | 2048;
  end if;
  return j;
end $$;

-- Whether a job that is not final waits for it, or has.
create function errand.needed(p_no bigint) returns boolean language plpgsql as $$
begin
  return exists (select from errand.edge e where e.member = p_no and coalesce(errand.state_of(e.waiter) < 4, false));
end $$;

-- Deletes final jobs, or such as have left, and all they have.
create function errand.erase(p_nos bigint[]) returns void language plpgsql as $$
begin
  with gone as (
    delete from errand.done d using unnest(p_nos) n (no) where d.no = n.no returning d.no, d.state
  )
  insert into errand.move (queue, was, now, n) select b.queue, g.state, -1, count(*) from gone g join errand.body b on b.no = g.no group by b.queue, g.state;
  delete from errand.edge e using unnest(p_nos) n (no) where e.waiter = n.no;
  delete from errand.course o using unnest(p_nos) n (no) where o.no = n.no;
  delete from errand.history h using unnest(p_nos) n (no) where h.no = n.no;
  delete from errand.step s using unnest(p_nos) n (no) where s.no = n.no;
  delete from errand.body b using unnest(p_nos) n (no) where b.no = n.no;
end $$;

-- An id for a job that the engine itself adds: one of those the caller sent along, or a version 7 UUID made here.
create function errand.make_id(p_now bigint) returns text language plpgsql as $$
declare
  spares text := current_setting('errand_call.spares', true);
  hex text;
begin
  if spares <> '' then
    perform set_config('errand_call.spares', substr(spares, strpos(spares || ',', ',') + 1), true);
    return split_part(spares, ',', 1);
  end if;
  hex := lpad(to_hex(p_now), 12, '0') || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14);
  return concat_ws('-', substr(hex, 1, 8), substr(hex, 9, 4), substr(hex, 13, 4), substr(hex, 17, 4), substr(hex, 21));
end $$;

-- The end of a job together with the jobs to be enqueued then. What insert refuses of them is dropped.
create function errand.finish_and_follow(c errand.context, j errand.job, p_state int, p_result text, p_error text, p_follow json)
returns void language plpgsql as $$
declare
  b errand.body;
  wanted json;
  each json;
  payload text;
begin
  perform errand.finish(c, j, p_state, p_result, p_error, null);
  if p_follow is not null then
    for each in select value from json_array_elements(p_follow) loop
      perform errand.insert_job(c, each, null, false);
      perform errand.spread(c, 500);
    end loop;
  end if;
  if p_state = 6 or j.flags & (case when p_state = 4 then 128 else 256 end) = 0 then return; end if;

  select * into b from errand.body where no = j.no;
  wanted := b.more -> (case when p_state = 4 then 'onSucceeded' else 'onFailed' end);
  payload := format('{"id":%s,"task":%s,"state":"%s","input":%s%s%s}', to_json(b.id),
    (select to_json(name) from errand.task where no = b.task),
    (array['succeeded', 'failed', 'cancelled', 'expired'])[p_state - 3], b.input,
    case when p_result is not null then ',"result":' || p_result end, case when p_error is not null then ',"error":' || p_error end);
  perform errand.insert_job(c, (wanted::jsonb || jsonb_build_object('id', errand.make_id(c.now)))::json, payload, false);
  perform errand.spread(c, 500);
end $$;

create function errand.expire(c errand.context, j errand.job) returns void language plpgsql as $$
begin
  insert into errand.run (at, task, outcome, n, ran_ms) values (c.now - c.now % 60000, j.task, 7, 1, 0);
  perform errand.finish_and_follow(c, j, 7, null, null, null);
end $$;
