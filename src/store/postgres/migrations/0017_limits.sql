-- Lanes and rates by name: what value they have, who set it, and how long they are remembered.

-- Who has started when, as far as it counts; 0 where that was long ago.
create table errand.start (
  rate  int not null,
  at    bigint not null,
  job   bigint not null,
  claim bigint not null,
  primary key (rate, at, job, claim)
);

-- Makes what new jobs name and is not known. Where `p_given` the value given last holds, unless one was set by hand. Nobody forgets
-- them before the transaction is over.
create function errand.bring_limits(p_jobs errand.new_job[], p_given boolean) returns void language plpgsql as $$
declare
  all_flags int := (select bit_or(flags) from unnest(p_jobs));
begin
  if all_flags & 1 <> 0 then perform errand.bring_lanes(p_jobs, p_given); end if;
  if all_flags & 2 <> 0 then perform errand.bring_rates(p_jobs, p_given); end if;
  if all_flags & 32768 <> 0 then perform errand.bring_gathering(p_jobs, p_given); end if;
end $$;

create function errand.bring_lanes(p_jobs errand.new_job[], p_given boolean) returns void language plpgsql as $$
declare
  wanted errand.lane[];
  known int;
begin
  wanted := array(
    select distinct on (lane ->> 'name') row(0, lane ->> 'name', lane ->> 'slots', false, 0)::errand.lane
    from unnest(p_jobs) with ordinality where flags & 1 <> 0 order by lane ->> 'name', ordinality desc);
  loop
    insert into errand.lane (name, slots) select n.name, n.slots from unnest(wanted) n
    where not exists (select from errand.lane l where l.name = n.name) on conflict (name) do nothing;
    perform from unnest(wanted) n join errand.lane l on l.name = n.name for key share of l;
    get diagnostics known = row_count;
    exit when known = cardinality(wanted);
  end loop;
  if p_given then
    update errand.lane l set slots = n.slots from unnest(wanted) n where l.name = n.name and not l.pinned and l.slots <> n.slots;
  end if;
end $$;

create function errand.bring_gathering(p_jobs errand.new_job[], p_given boolean) returns void language plpgsql as $$
declare
  wanted errand.gathering[];
  known int;
  brought int[];
begin
  wanted := array(
    select distinct on (lane ->> 'name', queue)
      row(0, lane ->> 'name', queue, lane -> 'gather' ->> 'size', lane -> 'gather' ->> 'waitMs', null, null)::errand.gathering
    from unnest(p_jobs) with ordinality where flags & 32768 <> 0 order by lane ->> 'name', queue, ordinality desc);
  loop
    insert into errand.gathering (name, queue, size, wait_ms) select n.name, n.queue, n.size, n.wait_ms from unnest(wanted) n
    where not exists (select from errand.gathering g where g.name = n.name and g.queue = n.queue) on conflict (name, queue) do nothing;
    perform from unnest(wanted) n join errand.gathering g on g.name = n.name and g.queue = n.queue for key share of g;
    get diagnostics known = row_count;
    exit when known = cardinality(wanted);
  end loop;
  if p_given then
    with changed as (
      update errand.gathering g set size = n.size, wait_ms = n.wait_ms from unnest(wanted) n
      where g.name = n.name and g.queue = n.queue and (g.size, g.wait_ms) <> (n.size, n.wait_ms) returning g.no
    )
    select array_agg(no) into brought from changed;
    perform errand.look(-no) from unnest(brought) no;
  end if;
end $$;

create function errand.bring_rates(p_jobs errand.new_job[], p_given boolean) returns void language plpgsql as $$
declare
  wanted errand.rate[];
  known int;
begin
  wanted := array(
    select distinct on (rate ->> 'name') row(0, rate ->> 'name', false, rate ->> 'tokens', rate ->> 'perMs', 0)::errand.rate
    from unnest(p_jobs) with ordinality where flags & 2 <> 0 order by rate ->> 'name', ordinality desc);
  loop
    insert into errand.rate (name, tokens, per_ms) select n.name, n.tokens, n.per_ms from unnest(wanted) n
    where not exists (select from errand.rate r where r.name = n.name) on conflict (name) do nothing;
    perform from unnest(wanted) n join errand.rate r on r.name = n.name for key share of r;
    get diagnostics known = row_count;
    exit when known = cardinality(wanted);
  end loop;
  if p_given then
    update errand.rate r set tokens = n.tokens, per_ms = n.per_ms from unnest(wanted) n
    where r.name = n.name and not r.pinned and (r.tokens, r.per_ms) <> (n.tokens, n.per_ms);
  end if;
end $$;

-- By hand; null leaves a value. A rate that is not known must be given whole.
create function errand.set_limit(p_name text, p_slots bigint, p_tokens bigint, p_per_ms bigint) returns text language plpgsql as $$
begin
  perform errand.enter();
  if p_slots is not null then
    insert into errand.lane (name, slots, pinned) values (p_name, p_slots, true)
    on conflict (name) do update set slots = excluded.slots, pinned = true;
    perform errand.admit(array(select no from errand.lane where name = p_name));
  end if;
  if p_tokens is not null or p_per_ms is not null then
    update errand.rate set tokens = coalesce(p_tokens, tokens), per_ms = coalesce(p_per_ms, per_ms), pinned = true where name = p_name;
    if not found and p_tokens is not null and p_per_ms is not null then
      insert into errand.rate (name, tokens, per_ms, pinned) values (p_name, p_tokens, p_per_ms, true);
    end if;
  end if;
  return current_setting('errand_call.arrivals', true);
end $$;

create function errand.unpin_limit(p_name text) returns void language plpgsql as $$
begin
  perform errand.enter();
  update errand.lane set pinned = false where name = p_name;
  update errand.rate set pinned = false where name = p_name;
end $$;

-- Whether a job that is not final names it. Those that stand ready or run hold a slot, and those that run a start.
create function errand.lane_in_use(p_lane int) returns boolean language plpgsql as $$
begin
  return exists (select from errand.lane where no = p_lane and taken > 0)
    or exists (select from errand.waiting where lane = p_lane and kind = 'p')
    or exists (select from errand.waiting where lane = p_lane and kind <> 'p')
    or exists (select from errand.leaving l join errand.body b on b.no = l.no where l.kind is not null and b.lane = p_lane);
end $$;

create function errand.rate_in_use(p_rate int, p_since bigint) returns boolean language plpgsql as $$
begin
  return exists (select from errand.start where rate = p_rate and at > p_since)
    or exists (select from errand.waiting where rate = p_rate)
    or exists (select from errand.waiting where rate = -p_rate)
    or exists (select from errand.grouped g join errand.body b on b.no = g.no where b.rate = p_rate)
    or exists (select from errand.start s join errand.running r on r.worker = any (array(select no from errand.worker)) and r.no = s.job and r.claim = s.claim
      where s.rate = p_rate)
    or exists (select from errand.leaving l join errand.body b on b.no = l.no where l.kind is not null and b.rate = p_rate);
end $$;

create function errand.group_in_use(p_group int) returns boolean language plpgsql as $$
begin
  return exists (select from errand.grouped where lane = -p_group)
    or exists (select from errand.waiting where lane = -p_group and kind = 'g')
    or exists (select from errand.waiting where lane = -p_group and kind <> 'p')
    or exists (select from errand.leaving l join errand.body b on b.no = l.no where l.kind is not null and b.lane = -p_group);
end $$;

-- Those behind `p_after` whose names begin so. What nobody uses is passed over until it is forgotten.
create function errand.list_limits(p_now bigint, p_prefix text, p_after text, p_most int) returns table (
  name text, slots bigint, taken bigint, waiting bigint, tokens bigint, per_ms bigint, free bigint, closed_for bigint, pinned boolean
) language plpgsql set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
  now_ms bigint := (errand.begin(p_now, null)).now;
begin
  return query
  with lanes as materialized (
    select l.* from errand.lane l
    where l.name > coalesce(p_after, '') and l.name >= p_prefix and starts_with(l.name, p_prefix) and (l.pinned or errand.lane_in_use(l.no))
    order by l.name limit p_most
  ), rates as materialized (
    select r.* from errand.rate r
    where r.name > coalesce(p_after, '') and r.name >= p_prefix and starts_with(r.name, p_prefix)
      and (r.pinned or r.closed_until > now_ms or errand.rate_in_use(r.no, now_ms - r.per_ms))
    order by r.name limit p_most
  ), groups as materialized (
    select g.name, sum((select count(*) from errand.waiting w where w.lane = -g.no and w.kind = 'g') + (g.leader is not null)::int) as standing
    from errand.gathering g
    where g.name > coalesce(p_after, '') and g.name >= p_prefix and starts_with(g.name, p_prefix) and errand.group_in_use(g.no)
    group by g.name order by g.name limit p_most
  ), named as (
    select l.name from lanes l union select r.name from rates r union select g.name from groups g order by name limit p_most
  )
  select n.name, l.slots, l.taken,
    case when l.no is not null or g.name is not null
      then (coalesce(g.standing, 0) + (select count(*) from errand.waiting w where w.lane = l.no and w.kind = 'p'))::bigint end,
    r.tokens, r.per_ms, case when r.closed_until > now_ms then 0 else greatest(0, errand.tokens(r.no, now_ms)) end,
    case when r.closed_until > now_ms then r.closed_until - now_ms end, coalesce(l.pinned, false) or coalesce(r.pinned, false)
  from named n left join lanes l on l.name = n.name left join rates r on r.name = n.name left join groups g on g.name = n.name order by n.name;
end $$;

-- Starts that count no more, and lanes and rates that no job names: some at a time, and all in turn.
create function errand.forget_limits(p_now bigint, p_most int) returns void language plpgsql as $$
declare
  lanes int[];
  rates int[];
  groups int[];
begin
  lanes := array(select l.no from errand.lane l, errand.stamp s where l.no > s.lane order by l.no limit p_most);
  rates := array(select r.no from errand.rate r, errand.stamp s where r.no > s.rate order by r.no limit p_most);
  groups := array(select g.no from errand.gathering g, errand.stamp s where g.no > s.gathering order by g.no limit p_most);
  update errand.stamp set gathering = case when cardinality(groups) < p_most then 0 else groups[p_most] end, lane = case when cardinality(lanes) < p_most then 0 else lanes[p_most] end,
    rate = case when cardinality(rates) < p_most then 0 else rates[p_most] end
  where lane + rate + gathering + cardinality(lanes) + cardinality(rates) + cardinality(groups) > 0;
  delete from errand.gathering where no in (
    select g.no from errand.gathering g where g.no = any (groups) and not exists (select from errand.body b where b.lane = -g.no) for update skip locked);

  delete from errand.lane where no in (
    select l.no from errand.lane l where l.no = any (lanes) and not l.pinned and l.taken = 0
      and not exists (select from errand.body b where b.lane = l.no) for update skip locked);
  -- Rate by rate, and each job by its number: left to itself the planner may read all that runs for each start.
  delete from errand.start where ctid = any (array(
    select s.at from errand.rate r cross join lateral (
      select x.ctid as at from errand.start x where x.rate = r.no and x.at <= p_now - r.per_ms and not exists (
        select from errand.running y where y.worker = any (array(select no from errand.worker)) and y.no = x.job and y.claim = x.claim offset 0)
      offset 0
    ) s where r.no = any (rates)));
  delete from errand.rate where no in (
    select r.no from errand.rate r where r.no = any (rates) and not r.pinned and r.closed_until <= p_now
      and not exists (select from errand.body b where b.rate = r.no) and not exists (select from errand.start s where s.rate = r.no)
    for update skip locked);
end $$;

-- Tokens that are free now.
create function errand.tokens(p_rate int, p_now bigint) returns bigint language plpgsql as $$
begin
  if p_rate <= 0 then return 1000000; end if;
  return (
    select r.tokens - (select count(*) from errand.start s where s.rate = r.no and s.at > p_now - r.per_ms) from errand.rate r where r.no = p_rate
  );
end $$;

-- Whether a job may start as far as its rate goes.
create function errand.may_start(p_rate int, p_now bigint) returns boolean language plpgsql as $$
begin
  if coalesce(p_rate, 0) <= 0 then return true; end if;
  return exists (select from errand.rate where no = p_rate and closed_until <= p_now) and errand.tokens(p_rate, p_now) > 0;
end $$;

-- A job given back unstarted returns its token.
create function errand.forget_start(j errand.job) returns void language plpgsql as $$
begin
  if j.flags & 2 <> 0 then
    delete from errand.start s
    where s.rate = (select rate from errand.body where no = j.no) and s.at = any (array[j.started, 0]) and s.job = j.no and s.claim = j.claim;
  end if;
end $$;

-- Tokens that are free now of these rates; jobs of 0 and below need none.
create function errand.free_tokens(p_rates int[], p_now bigint) returns table (rate int, n bigint) language sql stable as $$
  select distinct w.no, 1000000::bigint from unnest(p_rates) w (no) where w.no <= 0
  union all
  select r.no, case when r.closed_until <= p_now then r.tokens - (select count(*) from errand.start s where s.rate = r.no and s.at > p_now - r.per_ms) else 0 end
  from unnest(p_rates) w (no) join errand.rate r on r.no = w.no
$$;

-- The first so many of one queue and rank whose rates have a token for each of them, by place; `at` is where they are in the table.
-- `alone`: one of them leads a group or has expired.
create function errand.startable(
  p_now bigint, p_queue int, p_rank int, p_most int, out nos bigint[], out places bigint[], out at tid[], out alone boolean
) language plpgsql set enable_hashjoin = on as $$
declare
  walked int;
  seen int;
begin
  foreach walked in array array[p_most, 4 * p_most + 100] loop
    with first as materialized (
      select w.no, w.rate, w.place, w.ctid, w.flags, w.expires, row_number() over (partition by w.rate order by w.place) as nth
      from (select x.ctid, x.* from errand.waiting x where x.kind = 'r' and x.queue = p_queue and x.rank = p_rank order by x.place limit walked) w
    ), free as materialized (
      select * from errand.free_tokens(array(select distinct f.rate from first f), p_now)
    ), chosen as (
      select f.* from free r join first f on f.rate = r.rate where f.nth <= r.n order by f.place limit p_most
    )
    select (select count(*) from first), array_agg(no order by place), array_agg(place order by place), array_agg(ctid order by place),
      bool_or(flags & 32768 <> 0 or coalesce(expires <= p_now, false))
    into seen, nos, places, at, alone from chosen;
    if seen < walked or cardinality(nos) = p_most then return; end if;
  end loop;

  -- Many stand in front that may not start: from rate to rate instead.
  with recursive standing (no) as (
    (select rate from errand.waiting where kind = 'r' and queue = p_queue and rank = p_rank order by rate limit 1)
    union all
    select (select w.rate from errand.waiting w where w.kind = 'r' and w.queue = p_queue and w.rank = p_rank and w.rate > s.no order by w.rate limit 1)
    from standing s where s.no is not null
  ), chosen as (
    select f.* from errand.free_tokens(array(select no from standing where no is not null), p_now) r cross join lateral (
      select w.no, w.place, w.ctid, w.flags, w.expires from errand.waiting w
      where w.kind = 'r' and w.queue = p_queue and w.rank = p_rank and w.rate = r.rate
      order by w.place limit greatest(0, least(r.n, p_most))
    ) f order by f.place limit p_most
  )
  select array_agg(no order by place), array_agg(place order by place), array_agg(ctid order by place),
    bool_or(flags & 32768 <> 0 or coalesce(expires <= p_now, false))
  into nos, places, at, alone from chosen;
end $$;

-- Claims the first of the plain jobs and of those that may start, unless one of them leads a group or has expired: then it takes none.
create function errand.claim_set(
  c errand.context, p_worker int, p_queue int, p_rank int, p_most int, inout claim bigint,
  p_nos bigint[], p_places bigint[], p_at tid[], p_alone boolean, out nos bigint[], out taken int
) language plpgsql as $$
#variable_conflict use_column
declare
  plain bigint[];
  plain_places bigint[];
  rated tid[];
  alone boolean;
begin
  select array_agg(no order by place), array_agg(place order by place), bool_or(coalesce(expires <= c.now, false)) into plain, plain_places, alone from (
    select no, place, expires from errand.ready where queue = p_queue and rank = p_rank order by place limit p_most for update skip locked
  ) first;
  select array_agg(no order by place) filter (where at is null), array_agg(at) filter (where at is not null), array_agg(no order by place)
  into plain, rated, nos from (
    select * from (
      select no, place, null::tid as at from unnest(plain, plain_places) p (no, place)
      union all select no, place, at from unnest(p_nos, p_places, p_at) r (no, place, at)
    ) both_kinds order by place limit p_most
  ) first;
  nos := coalesce(nos, '{}');
  if alone or p_alone then
    taken := null;
    return;
  end if;
  taken := cardinality(nos);
  if taken = 0 then return; end if;

  claim := coalesce(claim, nextval('errand.claims'));
  with out_of_line as (
    delete from errand.ready r using unnest(plain, plain_places) p (no, place)
    where r.queue = p_queue and r.rank = p_rank and r.place = p.place and r.no = p.no
    returning r.no, r.place, r.task, r.flags, r.keep_succeeded, r.keep_failed, r.attempts, r.crashes, r.expires, null::int as rate
  ), out_of_rates as (
    delete from errand.waiting w where w.ctid = any (rated)
    returning w.no, w.place, w.task, w.flags, w.keep_succeeded, w.keep_failed, w.attempts, w.crashes, w.expires, w.rate
  ), started as (
    insert into errand.running (worker, no, claim, started, queue, rank, place, task, flags, keep_succeeded, keep_failed, attempts, crashes, expires)
    select p_worker, no, claim_set.claim, c.now, p_queue, p_rank, place, task, flags, keep_succeeded, keep_failed, attempts, crashes, expires
    from (select * from out_of_line union all select * from out_of_rates) j
  ), moved as (
    insert into errand.move (queue, was, now, n) values (p_queue, 2, 3, taken)
  )
  insert into errand.start (rate, at, job, claim)
  select abs(rate), case when rate > 0 then c.now else 0 end, no, claim_set.claim from out_of_rates where rate <> 0 order by place;
end $$;
