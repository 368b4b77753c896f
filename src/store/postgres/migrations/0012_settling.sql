-- What a turn records that is no plain success: one job at a time, behind the gate.

-- Records one outcome, or takes one job back. False if the claim is stale. Behind the gate.
create function errand.settle(c errand.context, p_worker int, p_no bigint, e json) returns boolean language plpgsql as $$
declare
  j errand.job := errand.take_running(p_worker, p_no, (e ->> 'claim')::bigint);
  outcome text := e ->> 'kind';
  problem text := e ->> 'error';
  delay bigint := coalesce((e ->> 'delay')::bigint, 0);
begin
  if j.no is null then return false; end if;
  if outcome = 'back' then
    perform errand.take_back(c, j, delay);
    return true;
  end if;

  if j.cancel_at is not null then outcome := 'cancelled'; end if;
  insert into errand.run (at, task, outcome, n, ran_ms)
  values (c.now - c.now % 60000, j.task, array_position(array['retry', 'wait', null, null, 'succeeded', 'failed', 'cancelled'], outcome) - 1, 1,
    (e ->> 'ran')::bigint);
  j.expires := null;
  if outcome = 'wait' then
    perform errand.wait_more(c, j, e -> 'on');
    return true;
  end if;

  j.attempts := j.attempts + 1;
  if outcome in ('retry', 'failed') then
    insert into errand.history (no, attempt, at, said) values (j.no, j.attempts, c.now, problem);
  end if;
  if outcome = 'retry' then
    perform errand.note(j.no, j.started, problem);
    j.flags := j.flags | 2048;
    if delay > 0 then
      perform errand.postpone(j, c.now + delay);
      perform errand.free_slot(j);
    else
      perform errand.hand_in(j);
      perform errand.line_up(j);
    end if;
    perform errand.tell(c, j, 'retrying', case when delay > 0 then 0 else 2 end, j.attempts, ',"error":' || problem);
  elsif outcome = 'succeeded' then
    perform errand.finish_and_follow(c, j, 4, e ->> 'result', null, e -> 'follow');
  else
    perform errand.finish_and_follow(c, j, case outcome when 'failed' then 5 else 6 end, null, problem, null);
  end if;
  return true;
end $$;

-- Untouched: as if it had not been claimed, except that its claim is used up.
create function errand.take_back(c errand.context, j errand.job, p_delay bigint) returns void language plpgsql as $$
begin
  perform errand.forget_start(j);
  j.started := null;
  if j.flags & 2048 <> 0 then update errand.course set started = null where no = j.no; end if;
  if j.cancel_at is not null then
    perform errand.finish(c, j, 6, null, null, null);
    return;
  end if;
  if p_delay > 0 then
    perform errand.postpone(j, c.now + p_delay);
    perform errand.free_slot(j);
  else
    perform errand.line_up_again(j);
  end if;
  perform errand.tell(c, j, 'given back', case when p_delay > 0 then 0 else 2 end, j.attempts, null);
end $$;

-- A running job waits for others, whatever becomes of them. Unknown ones are ignored, and itself.
create function errand.wait_more(c errand.context, j errand.job, p_on json) returns void language plpgsql as $$
declare
  ids text[] := array(select json_array_elements_text(p_on));
begin
  perform errand.open_again(j.no, ids);
  perform errand.join_up(j.no, ids, true);
  if exists (select from errand.edge where waiter = j.no) then j.flags := j.flags | 64; end if;
  perform errand.note(j.no, j.started, null);
  j.flags := j.flags | 2048;
  perform from errand.edge where waiter = j.no and open;
  if found then
    perform errand.block(j);
    perform errand.free_slot(j);
    perform errand.tell(c, j, 'blocked', 1, j.attempts, null);
  else
    perform errand.hand_in(j);
    perform errand.line_up(j);
    perform errand.tell(c, j, 'ready', 2, j.attempts, null);
  end if;
end $$;
