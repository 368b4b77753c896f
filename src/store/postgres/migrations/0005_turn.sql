-- Turns of workers.
--
-- A turn that only records plain successes and claims plain jobs meets nobody: it locks its worker's row against being
-- rescued, its own running rows, and ready rows that nobody else has. All else is done behind the gate, by one call at a time: `p_enter`. A turn
-- that finds out late that it needs the gate raises ER004 and is sent again; nothing of it has happened then.
-- A turn never waits long for a row, for whoever holds the gate may be waiting for one of its own: `lock_timeout`.

-- What a claimed job has beyond its body: steps of earlier attempts, and what it waited for as far as that may come along, so many
-- that the claim stays short. A function that is put into the statement which asks it, so that it costs no call.
create function errand.extra(p_no bigint, p_flags int) returns table (extra json) language sql stable rows 1 as $$
  select json_build_object(
    'steps', case when p_flags & 8192 <> 0 then (select json_object_agg(name, result order by seq) from errand.step where no = p_no) end,
    'members', case when p_flags & 64 <> 0 then coalesce(
      json_agg(json_build_array(index, id, state, result, error::json) order by index) filter (where nth <= 1000 and bytes <= 16777216), '[]') end,
    'cut', bool_or(nth > 1000 or bytes > 16777216),
    'leader', case when p_flags & 32768 <> 0 then (select leader from errand.grouped where no = p_no) end)
  from (
    select e.index, e.id, d.state, d.result, d.error, row_number() over in_order as nth, sum(coalesce(length(d.result), 0) + 100) over in_order as bytes
    from errand.edge e cross join lateral (select * from errand.done x where x.no = e.member limit 1) d
    where e.waiter = p_no and p_flags & 64 <> 0 window in_order as (order by e.index) order by e.index limit 1001
  ) member
$$;

-- When the first job is due or expires.
create function errand.first_moment() returns bigint language plpgsql as $$
begin
  return least(
    (select due from errand.waiting where kind = 's' order by due limit 1),
    (select expires from errand.waiting where expires is not null order by expires limit 1),
    (select expires from errand.ready where expires is not null order by expires limit 1));
end $$;

-- What falls due so soon may come before anybody looks again: whoever sleeps must hear of it where it has changed what comes first;
-- `p_known` is what did before. As in `soon.ts`.
create function errand.is_sooner(p_now bigint, p_known bigint) returns boolean language plpgsql as $$
begin
  return errand.first_moment() < least(p_known, p_now + 1501);
end $$;

-- Milliseconds until a job is due or expires, or a group or a token that a ready job waits for falls due. Rates that have a token are
-- passed over, as long as they are few.
create function errand.next_due(p_now bigint) returns bigint language plpgsql as $$
declare
  first bigint := errand.first_moment();
  soonest bigint := case when first is not null then greatest(0, first - p_now) end;
  open_rates int := 0;
  r record;
  missing bigint;
  token_in bigint;
begin
  soonest := least(soonest, (select greatest(0, ripe - p_now) from errand.gathering where ripe is not null order by ripe limit 1));
  perform from errand.waiting where kind in ('r', 'u') and rate is not null limit 1;
  if not found then return soonest; end if;
  for r in select x.* from errand.standing_rates() s (no) join errand.rate x on x.no = s.no loop
    missing := 1 - errand.tokens(r.no, p_now);
    if missing <= 0 then
      token_in := r.closed_until - p_now;
    else
      token_in := (select greatest(s.at + r.per_ms, r.closed_until) - p_now from errand.start s where s.rate = r.no and s.at > p_now - r.per_ms
        order by s.at offset missing - 1 limit 1);
    end if;
    if token_in <= 0 then
      open_rates := open_rates + 1;
      exit when open_rates = 10;
    else
      soonest := least(soonest, token_in);
    end if;
  end loop;
  return soonest;
end $$;

-- Jobs that a worker holds, as they are handed out, in this order.
create function errand.held(p_worker int, p_nos bigint[]) returns table (
  claim bigint, no bigint, place bigint, id text, task int, queue int, rank smallint, input text, attempts int, crashes smallint, created bigint,
  flags int, more json, extra json
) language plpgsql rows 100 as $$
#variable_conflict use_column
begin
  return query select r.claim, r.no, r.place, b.id, r.task, r.queue, r.rank, b.input, r.attempts, r.crashes, b.created, r.flags, b.more,
    case when r.flags & (64 | 8192 | 32768) <> 0 then (select x.extra from errand.extra(r.no, r.flags) x) end
  from unnest(p_nos) with ordinality n (no, nth)
  cross join lateral (select * from errand.running x where x.worker = p_worker and x.no = n.no limit 1) r
  cross join lateral (select * from errand.body x where x.no = n.no limit 1) b order by n.nth;
end $$;

-- `p_hints` say where to begin in a line (0021): where `p_era` is given in that era only, and otherwise whatever has come back since.
-- Answers the claimed jobs in the order of their claiming, and last a row with all the rest in `extra`.
create function errand.turn(
  p_worker text, p_epoch int, p_now bigint, p_mono bigint, p_enter boolean, p_spares text, p_nos bigint[], p_claims bigint[], p_results text[],
  p_ran bigint[], p_rest json, p_rooms json, p_hints bigint[], p_era text, p_survey boolean, p_park boolean
) returns table (
  claim bigint, no bigint, place bigint, id text, task int, queue int, rank smallint, input text, attempts int, crashes smallint, created bigint,
  flags int, more json, extra json
) language plpgsql rows 100
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
set lock_timeout = '50ms' as $$
#variable_conflict use_column
declare
  w errand.worker;
  c errand.context;
  settled bigint[];
  stale int[] := '{}';
  stale_nos bigint[] := '{}';
  accepted int := 0;
  said_cancels json;
  said_messages json;
  this_claim bigint;
  suspect bigint;
  total int := 0;
  taken int;
  line int;
  first_place bigint;
  overdue boolean;
  apart boolean := true;
  others boolean := false;
  mixed boolean;
  expired int := 0;
  full_room boolean := false;
  special boolean := false;
  awaited bigint[];
  room record;
  open_queues int[];
  looked int[] := '{}';
  arrivals text;
  most int;
  goal int;
  got record;
  era text;
  surveyed json;
  firsts bigint[] := '{}';
begin
  if p_enter then perform set_config('lock_timeout', '10s', true), set_config('errand_call.spares', p_spares, true); end if;
  -- Turns of one worker go beside each other, and may renew its lease; a rescue and a resync keep them out.
  select * into w from errand.worker where worker.id = p_worker and gone is null for key share;
  if not found then
    extra := '{"gone":true}';
    return next;
    return;
  end if;
  if w.epoch <> p_epoch then raise exception 'A call from before the last resync.' using errcode = 'ER003'; end if;
  if p_enter then perform errand.enter(); end if;
  c := errand.begin(p_now, p_mono);

  if p_enter then
    select * into accepted, stale, stale_nos, special, awaited from errand.settle_all(c, w.no, p_nos, p_claims, p_results, p_ran, p_rest);
    if awaited is null then
      perform errand.spread(c, 500);
    else
      -- As a rule one waits for each, and all of them hear of it now.
      perform errand.spread_successes(c, awaited, greatest(1000, cardinality(awaited) + 1));
    end if;
  elsif p_nos is not null then
    -- Looked up one by one and then taken by their place in the table: left to itself the planner may walk over all that
    -- this worker holds, dead rows too, once for each job.
    with said as materialized (
      select s.*, held.at from unnest(p_nos, p_claims, p_results, p_ran) s (no, claim, result, ran)
      cross join lateral (
        select r.ctid as at from errand.running r where r.worker = w.no and r.no = s.no and r.claim = s.claim and r.flags & 45289 = 0 limit 1
      ) held
    ), gone as (
      delete from errand.running r using said s where r.ctid = s.at and r.claim = s.claim and r.flags & 45289 = 0
      returning r.*, s.result, s.ran
    ), final as (
      insert into errand.done (no, state, flags, attempts, crashes, started, finished, until, result)
      select g.no, 4, g.flags, g.attempts + 1, g.crashes, g.started, c.now, c.now + 60000 * g.keep_succeeded::bigint, g.result from gone g
    ), counted as (
      insert into errand.run (at, task, outcome, n, ran_ms)
      select c.now - c.now % 60000, g.task, 4, count(*), sum(g.ran) from gone g group by g.task
    ), moved as (
      insert into errand.move (queue, was, now, n) select g.queue, 3, 4, count(*) from gone g group by g.queue
    )
    select array_agg(g.no) into settled from gone g;
    accepted := coalesce(cardinality(settled), 0);
    if accepted > 0 and c.heard then
      perform errand.tell_of(c, d.no, 'succeeded', 4, d.attempts) from errand.done d where d.no = any (settled);
    end if;
    if accepted > 0 and c.awaited then
      perform errand.tell_final(b.id) from errand.body b where b.no = any (settled);
    end if;
    if accepted < cardinality(p_nos) then
      stale_nos := array(select unnest(p_nos) except select unnest(settled));
      perform from unnest(p_nos, p_claims) s (no, claim) join errand.running r on r.worker = w.no and r.no = s.no and r.claim = s.claim
      where s.no = any (stale_nos);
      if found then raise exception 'A job needs more than plain settling.' using errcode = 'ER004'; end if;
    end if;
  end if;

  perform from errand.cancel x where x.worker = w.no;
  if found then
    with told as (delete from errand.cancel x where x.worker = w.no returning x.*)
    select json_agg(json_build_array(b.id, t.claim, t.no) order by t.seq) into said_cancels from told t
    join errand.running r on r.worker = w.no and r.no = t.no and r.claim = t.claim join errand.body b on b.no = t.no;
  end if;
  perform from errand.message m where m.worker = w.no and not told;
  if found then
    with told as (update errand.message m set told = true where m.worker = w.no and not told returning m.seq, m.body)
    select json_agg(body::json order by seq) into said_messages from told;
  end if;

  if exists (select from errand.gathering where ripe <= c.now) then
    if not p_enter then raise exception 'A group is ripe.' using errcode = 'ER004'; end if;
    special := true;
    perform errand.ripen(c.now);
  end if;
  -- What this turn has put back itself counts too.
  if p_era is not null or p_survey then
    era := errand.era();
    if p_era <> era then p_hints := null; end if;
    if p_survey then surveyed := errand.survey(); end if;
  end if;
  if p_rooms is not null then
    overdue := exists (select from errand.ready where expires <= c.now);
    apart := exists (select from errand.waiting where kind = 'u') or exists (select from errand.waiting where kind = 'r');
    if apart then
      others := errand.others_ready(array(
        select q.no from json_array_elements(p_rooms) room (r) cross join json_array_elements_text(room.r -> 'queues') named (name)
        join errand.queue q on q.name = named.name and not q.paused where (room.r ->> 'jobs')::int > 0), c.now);
    end if;
    if (overdue or others) and not p_enter then raise exception 'A job needs more than plain claiming.' using errcode = 'ER004'; end if;
    special := special or others;
    for room in
      select (r ->> 'jobs')::int as jobs, (r ->> 'bottomUp')::int as bottom, r -> 'queues' as queues
      from json_array_elements(p_rooms) with ordinality r (r, nth) order by r.nth
    loop
      continue when room.jobs <= 0;
      select array_agg(q.no order by n.nth) into open_queues from json_array_elements_text(room.queues) with ordinality n (name, nth)
      join errand.queue q on q.name = n.name and not q.paused;
      continue when open_queues is null;
      looked := looked || open_queues;
      goal := room.jobs;
      if others then
        suspect := errand.claim_suspect(c, w.no, this_claim, open_queues);
        if suspect is not null then
          goal := goal - 1;
          total := total + 1;
          return query select * from errand.held(w.no, array[suspect]);
          this_claim := (select r.claim from errand.running r where r.worker = w.no and r.no = suspect);
        end if;
      end if;
      for pass in 1 .. 2 loop
        if expired > 0 then p_hints := null; end if;
        most := case pass when 1 then goal - room.bottom else goal end;
        <<lines>>
        for in_order in 1 .. cardinality(open_queues) loop
          for step in 0 .. 3 loop
            exit lines when most <= 0;
            line := case pass when 1 then step else 3 - step end;
            mixed := false;
            if others or expired > 0 then
              mixed := exists (select from errand.waiting x where x.kind = 'r' and x.queue = open_queues[in_order] and x.rank = line);
            end if;
            if mixed then
              select * into got from errand.claim_mixed(c, w.no, open_queues[in_order], line, most, this_claim);
              this_claim := got.claim;
              expired := expired + got.expired;
              taken := got.taken;
              return query select * from errand.held(w.no, got.nos);
            else
              if overdue then expired := expired + errand.expire_in_line(c, open_queues[in_order], line, most); end if;
              -- Most lines are empty, and to begin the whole statement for each of those is most of what an idle worker would cost.
              select r.place into first_place from errand.ready r where queue = open_queues[in_order] and rank = line
                and r.place >= errand.floor_of(p_hints, open_queues[in_order], line) order by r.place limit 1;
              if p_era is not null and pass = 1 then firsts := firsts || array[open_queues[in_order], line, coalesce(first_place, -1)]; end if;
              continue when first_place is null;
              return query
              with taken as (
                delete from errand.ready r where r.ctid = any (array(
                  select ctid from errand.ready where queue = open_queues[in_order] and rank = line
                    and place >= first_place order by place limit most for update skip locked
                )) returning r.*
              ), one as materialized (
                select coalesce(this_claim, nextval('errand.claims')) as claim from (select from taken limit 1) any_taken
              ), started as (
                insert into errand.running
                  (worker, no, claim, started, queue, rank, place, task, flags, keep_succeeded, keep_failed, attempts, crashes, expires)
                select w.no, t.no, one.claim, c.now, t.queue, t.rank, t.place, t.task, t.flags, t.keep_succeeded, t.keep_failed, t.attempts,
                  t.crashes, t.expires from taken t cross join one
              ), moved as (
                insert into errand.move (queue, was, now, n) select t.queue, 2, 3, count(*) from taken t group by t.queue
              )
              select one.claim, t.no, t.place, b.id, t.task, t.queue, t.rank, b.input, t.attempts, t.crashes, b.created, t.flags, b.more,
                case when t.flags & (64 | 8192) <> 0 then (select x.extra from errand.extra(t.no, t.flags) x) end
              from taken t cross join one cross join lateral (select * from errand.body b where b.no = t.no limit 1) b order by t.place;
              get diagnostics taken = row_count;
              if taken > 0 then this_claim := coalesce(this_claim, currval('errand.claims')); end if;
            end if;
            most := most - taken;
            goal := goal - taken;
            total := total + taken;
          end loop;
        end loop;
        -- What an expiry has enqueued, and who leads the next group, may stand before where the claim was by then.
        exit when goal <= 0 or most > 0 and expired = 0 and not (others and exists (select from errand.gathering));
      end loop;
      full_room := full_room or goal <= 0;
    end loop;
    if total > 0 and exists (select from errand.uniq) then
      perform errand.free_key(r.no) from errand.running r where r.worker = w.no and r.claim = this_claim and r.flags & 4 <> 0;
    end if;
    if total > 0 and c.heard then
      perform errand.tell_of(c, r.no, 'started', 3, r.attempts + 1) from errand.running r
      where r.worker = w.no and r.claim = this_claim order by r.rank, r.place;
    end if;
    if p_enter and expired > 0 then perform errand.spread(c, 500); end if;
  end if;

  -- Not in every turn: each renewal leaves a dead row behind, which every later turn would walk over until it is vacuumed.
  -- And not for longer than a lease, if a silence of the store has given it more: its worker is heard again.
  if w.deadline - c.mono <= w.lease_ms * 2 / 3 or w.deadline - c.mono > w.lease_ms then
    update errand.worker u set deadline = c.mono + w.lease_ms where u.no = w.no;
  end if;
  if p_park and not w.parked and total = 0 then
    -- Another turn of this worker may hold the row until the disk has its commit: then falling asleep sees to it.
    update errand.worker u set parked = true from (select no from errand.worker where no = w.no for no key update skip locked) mine
    where u.no = mine.no;
  end if;
  if accepted + expired = 0 then perform set_config('synchronous_commit', 'off', true); end if;
  -- What became ready in this turn was taken in it, so nobody is woken for it: unless there was too much, or it may stand apart or
  -- before the place where the claim began.
  arrivals := current_setting('errand_call.arrivals', true);
  if arrivals <> '' and p_rest is null and not (full_room or apart or expired > 0) and string_to_array(arrivals, ',')::int[] <@ looked then
    if not exists (select from errand.lane) and not exists (select from errand.gathering) then arrivals := null; end if;
  end if;

  extra := json_build_object('stale', stale, 'staleNos', stale_nos, 'cancels', said_cancels,
    'messages', said_messages, 'more', full_room or expired > 0, 'nextDue', errand.next_due(c.now), 'special', special,
    'arrivals', arrivals, 'era', era, 'survey', surveyed, 'firsts', firsts);
  return next;
end $$;
