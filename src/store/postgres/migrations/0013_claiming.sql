-- What a turn claims or expires besides the plain ones.

-- One job, taken out of its place, becomes a worker's. Its key and its event are up to the turn.
create function errand.start(c errand.context, p_worker int, p_claim bigint, j errand.job, p_leader text default null) returns void language plpgsql as $$
declare
  of_rate int;
begin
  insert into errand.running (worker, no, claim, started, queue, rank, place, task, flags, keep_succeeded, keep_failed, attempts, crashes, expires)
  values (p_worker, j.no, p_claim, c.now, j.queue, j.rank, j.place, j.task, j.flags, j.keep_succeeded, j.keep_failed, j.attempts, j.crashes, j.expires);
  perform errand.move(j.queue, 2, 3);
  if j.flags & 32768 <> 0 then
    insert into errand.grouped (no, lane, leader) select no, lane, coalesce(p_leader, id) from errand.body where no = j.no;
  end if;
  -- A group takes one token. The start of one that goes on is long ago.
  if j.flags & 2 <> 0 and p_leader is null then
    select rate into of_rate from errand.body where no = j.no;
    insert into errand.start (rate, at, job, claim) values (of_rate, case when j.flags & 131072 = 0 then c.now else 0 end, j.no, p_claim);
  end if;
end $$;

create function errand.free_key(p_no bigint) returns void language plpgsql as $$
begin
  delete from errand.uniq u using errand.body b where b.no = p_no and u.task = b.task and u.key = b.uniq and u.no = p_no;
end $$;

-- Rates of jobs that stand ready, one by one as they are asked for.
create function errand.standing_rates() returns setof int language sql stable as $$
  with recursive standing (no) as (
    (select rate from errand.waiting where kind in ('r', 'u') and rate is not null order by rate limit 1)
    union all
    select (select w.rate from errand.waiting w where w.kind in ('r', 'u') and w.rate > s.no order by w.rate limit 1) from standing s where s.no is not null
  )
  select no from standing where no is not null
$$;

-- Claims up to so many from one queue and rank, the plain ones and those of rates with a token, by place; behind the gate.
-- Returns them, and how many had expired.
create function errand.claim_mixed(
  c errand.context, p_worker int, p_queue int, p_rank int, p_most int, inout claim bigint, out nos bigint[], out expired int, out taken int
) language plpgsql as $$
#variable_conflict use_column
declare
  j errand.job;
  plain record;
  rated record;
  others record;
  led int;
  at int := 1;
  expired_before int := 0;
begin
  expired := 0;
  rated := errand.startable(c.now, p_queue, p_rank, p_most);
  select * into claim, nos, taken from errand.claim_set(
    c, p_worker, p_queue, p_rank, p_most, claim, rated.nos, rated.places, rated.at, rated.alone);
  if taken is not null then return; end if;

  nos := '{}';
  taken := 0;
  while taken < p_most loop
    select no, place into plain from errand.ready where queue = p_queue and rank = p_rank order by place limit 1 for update skip locked;
    if plain.no is null and rated.nos[at] is null then
      -- What had expired has left its tokens.
      exit when expired = expired_before;
      expired_before := expired;
      rated := errand.startable(c.now, p_queue, p_rank, p_most);
      at := 1;
      continue;
    end if;
    if plain.no is null or rated.places[at] < plain.place then
      select g.no into led from errand.gathering g where g.leader = rated.nos[at];
      j := errand.take(rated.nos[at]);
      at := at + 1;
      continue when j.no is null;
    else
      led := null;
      j := errand.take(plain.no);
    end if;
    if j.expires <= c.now then
      perform errand.expire(c, j);
      expired := expired + 1;
      if led is not null then
        rated := errand.startable(c.now, p_queue, p_rank, p_most - taken);
        at := 1;
      end if;
    else
      claim := coalesce(claim, nextval('errand.claims'));
      perform errand.start(c, p_worker, claim, j);
      nos := nos || j.no;
      taken := taken + 1;
      if led is not null then
        others := errand.claim_members(c, p_worker, claim, led, j);
        nos := nos || others.nos;
        expired := expired + others.expired;
        -- The next leader may stand in the lines already.
        rated := errand.startable(c.now, p_queue, p_rank, p_most - taken);
        at := 1;
      end if;
    end if;
  end loop;
end $$;

-- The others of a group, those that stand in its lane in their order.
create function errand.claim_members(c errand.context, p_worker int, p_claim bigint, p_group int, leader errand.job, out nos bigint[], out expired int)
language plpgsql as $$
declare
  leader_id text := (select id from errand.body where no = leader.no);
  wanted bigint;
  next_no bigint;
  j errand.job;
begin
  nos := '{}';
  expired := 0;
  -- Still its leader, so that nobody is sent out meanwhile.
  update errand.gathering set leader = claim_members.leader.no where no = p_group returning least(size, 1000) - 1 into wanted;
  while cardinality(nos) < wanted loop
    select w.no into next_no from errand.waiting w where w.kind = 'g' and w.lane = -p_group
    order by case when w.flags & 16384 = 0 then w.rank else -1 end, w.place limit 1;
    exit when not found;
    j := errand.take(next_no);
    if j.expires <= c.now then
      perform errand.expire(c, j);
      expired := expired + 1;
    else
      perform errand.start(c, p_worker, p_claim, j, leader_id);
      nos := nos || j.no;
    end if;
  end loop;
  update errand.gathering set leader = null where no = p_group;
  perform errand.look(-p_group);
end $$;

-- Ends what has expired among the next so many of one queue and rank; behind the gate. Returns how many that were.
create function errand.expire_in_line(c errand.context, p_queue int, p_rank int, p_most int) returns int language plpgsql as $$
declare
  overdue bigint[];
  j errand.job;
  expired int := 0;
begin
  loop
    overdue := array(
      select no from (
        select no, place, expires from errand.ready where queue = p_queue and rank = p_rank order by place limit p_most
      ) first where expires <= c.now order by place);
    if overdue = '{}' then return expired; end if;
    for nth in 1 .. cardinality(overdue) loop
      j := errand.take(overdue[nth]);
      continue when j.no is null;
      perform errand.expire(c, j);
      expired := expired + 1;
    end loop;
  end loop;
end $$;

-- At most one that may be what kills its workers, and only if the worker holds none; behind the gate.
create function errand.claim_suspect(c errand.context, p_worker int, p_claim bigint, p_queues int[]) returns bigint language plpgsql as $$
declare
  suspect bigint;
begin
  perform from errand.running where worker = p_worker and crashes >= 2;
  if found then return null; end if;
  select w.no into suspect from unnest(p_queues) with ordinality q (no, nth) join errand.waiting w on w.queue = q.no and w.kind = 'u'
  where errand.may_start(w.rate, c.now) order by q.nth, w.rank, w.place limit 1;
  if not found then return null; end if;
  perform errand.start(c, p_worker, coalesce(p_claim, nextval('errand.claims')), errand.take(suspect));
  return suspect;
end $$;

-- True where some job of these queues stands apart from the plain ones and may be claimed now.
create function errand.others_ready(p_queues int[], p_now bigint) returns boolean language plpgsql as $$
begin
  perform from errand.waiting where kind = 'u' and queue = any (p_queues) limit 1;
  if found then return true; end if;
  perform from errand.waiting where kind = 'r' and queue = any (p_queues) limit 1;
  if not found then return false; end if;
  return exists (select from errand.standing_rates() r (no) where errand.may_start(r.no, p_now) and exists (
    select from unnest(p_queues) q (no) cross join unnest('{0,1,2,3}'::int[]) line (rank) cross join lateral (
      select from errand.waiting w where w.kind = 'r' and w.queue = q.no and w.rank = line.rank and w.rate = r.no limit 1
    ) any_standing));
end $$;
