-- What a turn records behind the gate: successes in sets, all else one job at a time.

-- In the order in which it was said, since one may wait for another. `before` counts the successes said before one of the rest.
-- `awaited` are those at the end whose waiters are still to be told.
create function errand.settle_all(
  c errand.context, p_worker int, p_nos bigint[], p_claims bigint[], p_results text[], p_ran bigint[], p_rest json,
  out accepted int, out stale int[], out stale_nos bigint[], out special boolean, out awaited bigint[]
) language plpgsql as $$
declare
  each record;
  ends record;
  settled bigint[] := '{}';
  upto int := 0;
  together boolean := p_rest is null;
begin
  accepted := 0;
  stale := '{}';
  stale_nos := '{}';
  special := false;
  -- Mostly none of them has to be looked at alone.
  if together then
    ends := errand.settle_set(c, p_worker, p_nos, p_claims, p_results, p_ran, 1, cardinality(p_nos), true);
    together := not coalesce(ends.alone, false);
  end if;
  if not together then
    for each in
      select e.value, null::int as at, s.nth::int as nth, s.nth * 2 - 1 as said from unnest(p_nos, p_claims) with ordinality s (no, claim, nth)
      cross join lateral (
        select from errand.running r where r.worker = p_worker and r.no = s.no and r.claim = s.claim and r.flags & 4224 <> 0 limit 1
      ) alone
      cross join lateral (
        select json_build_object('kind', 'succeeded', 'no', s.no, 'claim', s.claim, 'result', p_results[s.nth], 'ran', p_ran[s.nth]) as value
      ) e
      union all
      select value, ordinality::int - 1, (value ->> 'before')::int, (value ->> 'before')::int * 2
      from json_array_elements(p_rest) with ordinality
      order by said, at
    loop
      ends := errand.settle_set(c, p_worker, p_nos, p_claims, p_results, p_ran, upto + 1, each.nth, false);
      perform errand.mark_successes(ends.awaited);
      settled := settled || ends.settled;
      upto := each.nth;
      special := true;
      if errand.settle(c, p_worker, coalesce((each.value ->> 'no')::bigint, errand.number_of(each.value ->> 'id')), each.value) then
        accepted := accepted + 1;
        if each.at is null then settled := settled || (each.value ->> 'no')::bigint; end if;
      elsif each.at is not null then
        stale := stale || each.at;
      end if;
    end loop;
    ends := errand.settle_set(c, p_worker, p_nos, p_claims, p_results, p_ran, upto + 1, cardinality(p_nos), false);
  end if;
  settled := settled || ends.settled;
  awaited := ends.awaited;
  special := special or coalesce(ends.all_flags & 45289 <> 0, false);
  accepted := accepted + cardinality(settled);
  if cardinality(settled) < cardinality(p_nos) then stale_nos := array(select unnest(p_nos) except select unnest(settled)); end if;
end $$;

-- Of the successes from one to another those that are followed by no other job and were not cancelled, as far as they are held.
-- `p_whole`: nothing, if there are others too; `alone` says so.
create function errand.settle_set(
  c errand.context, p_worker int, p_nos bigint[], p_claims bigint[], p_results text[], p_ran bigint[], p_from int, p_to int, p_whole boolean,
  out settled bigint[], out all_flags int, out awaited bigint[], out alone boolean
) language plpgsql as $$
declare
  holding bigint[];
  lanes int[];
begin
  if p_to is null or p_from > p_to then return; end if;
  with said as materialized (
    select s.*, held.at, held.flags & 4224 <> 0 as is_alone
    from unnest(p_nos[p_from : p_to], p_claims[p_from : p_to], p_results[p_from : p_to], p_ran[p_from : p_to]) with ordinality s (no, claim, result, ran, nth)
    cross join lateral (
      select r.ctid as at, r.flags from errand.running r where r.worker = p_worker and r.no = s.no and r.claim = s.claim limit 1
    ) held
  ), gone as (
    delete from errand.running r using said s where r.ctid = s.at and r.claim = s.claim and r.flags & 4224 = 0
      and not (p_whole and exists (select from said where is_alone)) returning r.*, s.result, s.ran, s.nth
  ), final as (
    insert into errand.done (no, state, flags, attempts, crashes, started, finished, until, result)
    select g.no, 4, g.flags & ~73728, g.attempts + 1, g.crashes, g.started, c.now, c.now + 60000 * g.keep_succeeded::bigint, g.result from gone g
  ), counted as (
    insert into errand.run (at, task, outcome, n, ran_ms) select c.now - c.now % 60000, g.task, 4, count(*), sum(g.ran) from gone g group by g.task
  ), moved as (
    insert into errand.move (queue, was, now, n) select g.queue, 3, 4, count(*) from gone g group by g.queue
  )
  select array_agg(no order by nth), bit_or(flags), array_agg(no order by nth) filter (where flags & 32 <> 0),
    array_agg(no) filter (where flags & 65536 <> 0), (select bool_or(is_alone) from said)
  into settled, all_flags, awaited, holding, alone from gone;
  if settled is null then return; end if;

  if all_flags & 8192 <> 0 then delete from errand.step where no = any (settled); end if;
  if all_flags & 12 <> 0 then
    delete from errand.uniq u using errand.body b where b.no = any (settled) and u.task = b.task and u.key = b.uniq and u.no = b.no;
  end if;
  if holding is not null then perform errand.free_slots(holding); end if;
  if all_flags & 32768 <> 0 then
    with gone as (delete from errand.grouped where no = any (settled) returning lane) select array_agg(distinct lane) into lanes from gone;
    perform errand.look(lane) from unnest(lanes) lane;
  end if;
  if all_flags & 64 <> 0 and exists (select from errand.done where until is null) then perform errand.unpin_members(c, settled); end if;
  if c.heard then
    perform errand.tell_of(c, d.no, 'succeeded', 4, d.attempts)
    from unnest(settled) with ordinality n (no, nth) join errand.done d on d.no = n.no order by n.nth;
  end if;
  if c.awaited then perform errand.tell_final(b.id) from errand.body b where b.no = any (settled); end if;
end $$;

create function errand.free_slots(p_nos bigint[]) returns void language plpgsql as $$
begin
  perform errand.admit(array_agg(lane), array_agg(n)) from (
    select b.lane, count(*) as n from unnest(p_nos) n (no) cross join lateral (select lane from errand.body x where x.no = n.no limit 1) b group by b.lane
  ) freed;
end $$;

-- Records one outcome, or takes one job back. False if the claim is stale. Behind the gate.
create function errand.settle(c errand.context, p_worker int, p_no bigint, e json) returns boolean language plpgsql as $$
declare
  j errand.job := errand.take_running(p_worker, p_no, (e ->> 'claim')::bigint);
  outcome text := e ->> 'kind';
  problem text := e ->> 'error';
  delay bigint := coalesce((e ->> 'delay')::bigint, 0);
  keeps_slot boolean := coalesce((e ->> 'keepsSlot')::boolean, false);
  in_lane int;
begin
  if j.no is null then return false; end if;
  if outcome = 'back' then
    perform errand.take_back(c, j, delay, coalesce((e ->> 'started')::boolean, false));
    return true;
  end if;

  if j.cancel_at is not null then outcome := 'cancelled'; end if;
  insert into errand.run (at, task, outcome, n, ran_ms)
  values (c.now - c.now % 60000, j.task, array_position(array['retry', 'wait', null, null, 'succeeded', 'failed', 'cancelled'], outcome) - 1, 1,
    (e ->> 'ran')::bigint);
  if e ->> 'closesRate' is not null and j.flags & 2 <> 0 then
    update errand.rate r set closed_until = greatest(r.closed_until, c.now + (e ->> 'closesRate')::bigint)
    from errand.body b where b.no = j.no and r.no = b.rate;
  end if;
  j.expires := null;
  if outcome = 'wait' then
    perform errand.wait_more(c, j, e -> 'on', delay, keeps_slot);
    return true;
  end if;

  j.attempts := j.attempts + 1;
  if outcome in ('retry', 'failed') then
    insert into errand.history (no, attempt, at, said) values (j.no, j.attempts, c.now, problem);
  end if;
  if outcome = 'retry' then
    perform errand.note(j.no, j.started, problem);
    j.flags := (j.flags & ~131072) | 2048;
    if not keeps_slot then
      in_lane := errand.hand_in(j);
      j.flags := j.flags & ~65536;
    end if;
    if delay > 0 then
      perform errand.postpone(j, c.now + delay);
      if in_lane is not null then perform errand.admit(array[in_lane]); end if;
    else
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

-- As if it had not been claimed, except that its claim is used up, and its start, if it has started.
create function errand.take_back(c errand.context, j errand.job, p_delay bigint, p_started boolean)
returns void language plpgsql as $$
declare
  in_lane int;
begin
  if p_started then
    j.expires := null;
    perform errand.note(j.no, j.started, null);
    j.flags := j.flags | 2048;
  else
    perform errand.forget_start(j);
    j.started := null;
    if j.flags & 2048 <> 0 then update errand.course set started = null where no = j.no; end if;
  end if;
  if j.cancel_at is not null then
    perform errand.finish(c, j, 6, null, null, null);
    return;
  end if;
  if p_delay > 0 then
    -- In a lane that keeps its order nobody goes past it.
    if j.flags & 49152 <> 16384 then
      in_lane := errand.hand_in(j);
      j.flags := j.flags & ~65536;
    end if;
    perform errand.postpone(j, c.now + p_delay);
    if in_lane is not null then perform errand.admit(array[in_lane]); end if;
  else
    perform errand.line_up_again(j);
  end if;
  perform errand.tell(c, j, 'given back', case when p_delay > 0 then 0 else 2 end, j.attempts, null);
end $$;

-- A running job waits for others, whatever becomes of them, for its time, or for whichever comes first. Unknown ones are ignored, and itself.
create function errand.wait_more(c errand.context, j errand.job, p_on json, p_delay bigint, p_keeps_slot boolean) returns void
language plpgsql as $$
declare
  ids text[] := array(select json_array_elements_text(p_on));
  in_lane int;
begin
  perform errand.open_again(j.no, ids);
  perform errand.join_up(j.no, ids, true);
  if exists (select from errand.edge where waiter = j.no) then j.flags := j.flags | 64; end if;
  perform errand.note(j.no, j.started, null);
  j.flags := j.flags | 133120;
  -- Behind whoever is there when it falls asleep, so that jobs that sleep again and again let others run.
  if cardinality(ids) = 0 then j.place := nextval('errand.counter'); end if;
  if not p_keeps_slot then
    in_lane := errand.hand_in(j);
    j.flags := j.flags & ~65536;
  end if;
  select nullif(count(*), 0) into j.pending from errand.edge where waiter = j.no and open;
  if p_delay > 0 and (j.pending > 0 or cardinality(ids) = 0) then
    perform errand.postpone(j, c.now + p_delay);
    if in_lane is not null then perform errand.admit(array[in_lane]); end if;
    perform errand.tell(c, j, 'blocked', 0, j.attempts, null);
  elsif j.pending > 0 then
    perform errand.block(j);
    if in_lane is not null then perform errand.admit(array[in_lane]); end if;
    perform errand.tell(c, j, 'blocked', 1, j.attempts, null);
  else
    perform errand.line_up(j);
    perform errand.tell(c, j, 'ready', 2, j.attempts, null);
  end if;
end $$;
