-- Who waits for whom. An edge is open until its member is final; a waiter with no open edge goes on. An end is noted in one row,
-- however many wait for it, and its edges are followed in sets of bounded size, as if it were one after the other.
--
-- Where `exists` stands within an expression, `offset 0` keeps the planner from reading a whole table to answer it for a few rows.

create function errand.missing_member(p_ids text[]) returns text language plpgsql as $$
begin
  return (
    select m.id from unnest(p_ids) with ordinality m (id, nth)
    where not exists (select from errand.body b where b.id = m.id) and not exists (select from errand.departed d where d.id = m.id)
    order by m.nth limit 1
  );
end $$;

-- Makes a job wait for others that are known, each once, behind those that it waits for already; never for itself.
create function errand.join_up(p_waiter bigint, p_ids text[], p_run boolean) returns void language plpgsql as $$
declare
  nos bigint[];
  ids text[];
  next_index int;
begin
  select array_agg(known.no order by wanted.nth), array_agg(wanted.id order by wanted.nth) into nos, ids
  from (select id, min(nth) as nth from unnest(p_ids) with ordinality each (id, nth) group by id) wanted
  cross join lateral (
    select b.no from errand.body b where b.id = wanted.id union all select d.no from errand.departed d where d.id = wanted.id limit 1
  ) known
  where known.no <> p_waiter;
  if nos is null then return; end if;

  -- Before it is seen which of them are final: none of them ends plainly from now on.
  perform errand.mark(nos, 32);
  select max(index) + 1 into next_index from errand.edge where waiter = p_waiter;
  if next_index is not null then
    select array_agg(m.no order by m.nth), array_agg(m.id order by m.nth) into nos, ids from unnest(nos, ids) with ordinality m (no, id, nth)
    where not exists (select from errand.edge e where e.waiter = p_waiter and e.member = m.no);
  end if;
  insert into errand.edge (waiter, index, member, id, run, open)
  select p_waiter, coalesce(next_index, 0) + m.nth - 1, m.no, m.id, p_run, not exists (select from errand.done d where d.no = m.no offset 0)
  from unnest(nos, ids) with ordinality m (no, id, nth);
end $$;

-- A running job waits anew for some that it has waited for.
create function errand.open_again(p_waiter bigint, p_ids text[]) returns void language plpgsql as $$
begin
  update errand.edge e set open = true, run = true
  where e.waiter = p_waiter and e.id = any (p_ids) and not e.open and not exists (select from errand.done d where d.no = e.member)
    and (exists (select from errand.body b where b.no = e.member offset 0) or exists (select from errand.departed d where d.no = e.member offset 0));
end $$;

-- Puts a job among the blocked, waiting for its open edges.
create function errand.block(j errand.job) returns void language plpgsql as $$
begin
  select count(*) into j.pending from errand.edge where waiter = j.no and open;
  perform errand.move(j.queue, j.state, 1);
  perform errand.put(j, 'b');
end $$;

create function errand.mark_waiters(p_no bigint, p_succeeded boolean) returns void language plpgsql as $$
begin
  if not p_succeeded and not errand.is_heard(p_no) then
    update errand.edge set open = false where member = p_no and open;
    return;
  end if;
  insert into errand.cascade (member, reopened, succeeded) values (p_no, false, p_succeeded);
end $$;

-- Whether somebody may go on, or be cancelled, by the end of this job: not where all of a few who wait for it have ended
-- themselves, as in a flow that is being cancelled.
create function errand.is_heard(p_no bigint) returns boolean language plpgsql as $$
begin
  return (
    select count(*) >= 10 or coalesce(bool_or(not e.ended), false) from (
      select exists (select from errand.done d where d.no = x.waiter offset 0)
        and not exists (select from errand.leaving l where l.no = x.waiter offset 0) as ended
      from errand.edge x where x.member = p_no order by x.seq limit 10
    ) e
  );
end $$;

create function errand.mark_successes(p_nos bigint[]) returns void language plpgsql as $$
begin
  insert into errand.cascade (member, reopened, succeeded) select no, false, true from unnest(p_nos) with ordinality m (no, nth) order by nth;
end $$;

-- A final job goes on: those that were cancelled because of it wait for it again.
create function errand.mark_reopened(p_no bigint) returns void language plpgsql as $$
begin
  insert into errand.cascade (member, reopened, succeeded)
  select p_no, true, false where exists (select from errand.edge where member = p_no);
end $$;

-- Follows at most so many edges that still lead somewhere. Fewer than that: no end is noted any more. `p_since`: none was noted
-- before it, so what was noted and followed by then, within this very call, is not passed again.
create function errand.spread(c errand.context, p_limit int, p_since bigint default 0) returns int language plpgsql as $$
declare
  followed int := 0;
  k errand.cascade;
begin
  while followed < p_limit loop
    select * into k from errand.cascade where seq > p_since order by seq limit 1;
    exit when not found;
    followed := followed + case when k.reopened then errand.spread_reopened(c, k, p_limit - followed) else errand.spread_ends(c, p_limit - followed, p_since) end;
  end loop;
  return followed;
end $$;

-- Ends that are noted, up to a member that goes on again. Edges lead nowhere where the member was retried since, or the waiter is leaving.
create function errand.spread_ends(c errand.context, p_most int, p_since bigint) returns int language plpgsql as $$
declare
  marks errand.cascade[];
  reached record;
begin
  select array_agg(row(k.seq, k.member, k.reopened, k.succeeded, k.waiter, k.after)::errand.cascade order by k.seq) into marks from (
    select first.*, bool_or(first.reopened) over (order by first.seq) as beyond
    from (select * from errand.cascade where seq > p_since order by seq limit p_most) first
  ) k where not k.beyond;
  reached := errand.follow(c, marks, p_most, false);
  if reached.looked < p_most then
    delete from errand.cascade where seq = any (array(select seq from unnest(marks)));
  else
    delete from errand.cascade where seq = any (array(select seq from unnest(marks[: reached.marks - 1])));
    update errand.cascade set after = reached.last_edge where seq = marks[reached.marks].seq;
  end if;
  return coalesce(reached.followed, 0);
end $$;

-- Those that have just succeeded, in this order: at once, where no end is noted before them. What is left is noted as well.
create function errand.spread_successes(c errand.context, p_members bigint[], p_most int) returns void language plpgsql as $$
declare
  reached record;
begin
  perform from errand.cascade limit 1;
  if found then
    perform errand.mark_successes(p_members);
    perform errand.spread(c, p_most);
    return;
  end if;
  reached := errand.follow(c, array(
    select row(9223372036854775807, no, false, true, null, 0)::errand.cascade from unnest(p_members) with ordinality m (no, nth) order by nth
  ), p_most, true);
  if reached.looked < p_most then return; end if;
  perform errand.mark_successes(p_members[reached.marks :]);
  update errand.cascade set after = reached.last_edge where seq = (select min(seq) from errand.cascade);
end $$;

-- Closes edges in the order of these ends, at most so many, and lets go on who has nothing left to wait for, or cancels whom an end
-- forbids to run. `p_new`: they are of this call, so nothing has come after them. `marks` and `last_edge` say how far it came.
create function errand.follow(
  c errand.context, p_marks errand.cascade[], p_most int, p_new boolean, out looked int, out marks int, out last_edge bigint, out followed int
) language plpgsql as $$
#variable_conflict use_column
declare
  upto bigint[];
  lined bigint[];
  queues int[];
  others bigint[];
  places bigint[];
  forbidden bigint[];
  causes text[];
begin
  with next as materialized (
    select n.*, row_number() over (order by n.mark, n.seq) as nth from (
      select k.mark, k.member, k.succeeded, e.seq, e.waiter, e.at
      from unnest(p_marks) with ordinality k (seq, member, reopened, succeeded, waiter, after, mark) cross join lateral (
        select x.seq, x.waiter, x.ctid as at from errand.edge x
        where x.member = k.member and x.seq > k.after and x.seq < k.seq and (k.waiter is null or x.waiter = k.waiter)
        order by x.seq limit p_most
      ) e order by k.mark, e.seq limit p_most
    ) n
  ), closed as (
    update errand.edge e set open = false from next n
    where e.ctid = n.at and e.open
      and case when p_new or exists (select from errand.done d where d.no = n.member offset 0) then true
        else not exists (select from errand.body b where b.no = n.member offset 0)
          and not exists (select from errand.departed p where p.no = n.member offset 0) end
      and not exists (select from errand.leaving l where l.no = n.waiter offset 0)
    -- It may have been retried since, and have succeeded.
    returning n.nth, e.waiter, e.id, n.succeeded or e.run or exists (select from errand.done d where d.no = n.member and d.state = 4 offset 0) as well
  ), concerned as (
    select w.*, nextval('errand.counter') as place from (
      select waiter, count(*)::int as n, coalesce(min(nth) filter (where not well), max(nth)) as at, bool_and(well) as well
      from closed group by waiter order by at
    ) w
  ), found as materialized (
    -- What needs its line alone, and all others, which are led on one by one.
    select t.*, w.row_at, t.well and w.pending <= t.n and w.flags & 164867 = 0 and w.crashes < 2 and (w.due is null or w.due <= c.now) as plain
    from concerned t cross join lateral (
      select x.*, x.ctid as row_at from errand.waiting x where x.no = t.waiter and x.kind in ('b', 's') limit 1
    ) w
  ), gone as (
    delete from errand.waiting w using found t where w.ctid = t.row_at and t.plain returning w.*, t.place as new_place
  ), lined as (
    insert into errand.ready (queue, rank, place, no, task, flags, keep_succeeded, keep_failed, attempts, crashes, expires)
    select queue, rank, new_place, no, task, flags, keep_succeeded, keep_failed, attempts, crashes, expires from gone order by new_place
    returning no
  ), moved as (
    insert into errand.move (queue, was, now, n) select queue, 1, 2, count(*) from gone group by queue returning queue
  ), lowered as (
    update errand.waiting w set pending = w.pending - t.n from found t where w.ctid = t.row_at and not t.plain
    returning w.no, t.place, t.at, t.well, w.pending
  )
  select array[n.nth, n.mark, n.seq], (select sum(n) from concerned), (select array_agg(no) from lined), (select array_agg(queue) from moved),
    o.nos, o.places, f.waiters, f.ids
  into upto, followed, lined, queues, others, places, forbidden, causes
  from (select array_agg(no order by at) as nos, array_agg(place order by at) as places from lowered where not well or pending <= 0) o
  cross join (select array_agg(waiter order by nth) as waiters, array_agg(id order by nth) as ids from closed where not well) f
  left join lateral (select * from next order by nth desc limit 1) n on true;

  looked := coalesce(upto[1], 0);
  marks := upto[2];
  last_edge := upto[3];
  perform errand.arrived(queue) from unnest(queues) queue;
  if c.heard then perform errand.tell_of(c, r.no, 'ready', 2, r.attempts) from errand.ready r where r.no = any (lined) and r.place <> r.no; end if;
  for nth in 1 .. coalesce(cardinality(others), 0) loop
    if others[nth] = any (forbidden) then
      perform errand.finish(c, errand.take(others[nth]), 6, null, null, causes[array_position(forbidden, others[nth])]);
    else
      perform errand.move_on(c, others[nth], places[nth]);
    end if;
  end loop;
end $$;

-- Lets a blocked job with nothing left to wait for go on: to its time, its lane or its line.
create function errand.move_on(c errand.context, p_no bigint, p_place bigint default null) returns void language plpgsql as $$
declare
  j errand.job;
begin
  -- One that is scheduled waits for others only until then.
  perform from errand.waiting where no = p_no and kind in ('b', 's') and pending <= 0 and flags & 1024 = 0;
  if not found then return; end if;

  j := errand.take(p_no);
  if j.state = 1 and j.due > c.now then
    j.pending := null;
    perform errand.postpone(j, j.due);
  else
    perform errand.line_up(j, p_place);
    perform errand.tell(c, j, 'ready', 2, j.attempts, null);
  end if;
end $$;

-- Edges of one that goes on again, unless it has failed since.
create function errand.spread_reopened(c errand.context, k errand.cascade, p_most int) returns int language plpgsql as $$
declare
  followed int := 0;
  looked int := 0;
  e record;
begin
  if coalesce(errand.state_of(k.member) <= 4, false) then
    for e in select * from errand.edge x where x.member = k.member and x.seq > k.after and x.seq < k.seq order by x.seq limit p_most loop
      looked := looked + 1;
      k.after := e.seq;
      if not errand.is_leaving(e.waiter) and errand.block_again(c, e.waiter, e.id) then followed := followed + 1; end if;
    end loop;
  end if;
  if looked < p_most then
    delete from errand.cascade where seq = k.seq;
  else
    update errand.cascade set after = k.after where seq = k.seq;
  end if;
  return followed;
end $$;

-- The first member whose end forbids this job to run.
create function errand.cancelling_member(p_waiter bigint) returns text language plpgsql as $$
begin
  return (
    select e.id from errand.edge e join errand.done d on d.no = e.member and d.state <> 4
    where e.waiter = p_waiter and not e.run order by e.index limit 1
  );
end $$;

-- A job waits for all that have not ended.
create function errand.open_edges(p_waiter bigint) returns void language plpgsql as $$
begin
  update errand.edge e set open = not e.open
  where e.waiter = p_waiter and e.open = (exists (select from errand.done d where d.no = e.member offset 0)
    or not exists (select from errand.body b where b.no = e.member offset 0) and not exists (select from errand.departed d where d.no = e.member offset 0));
end $$;

-- One that was cancelled because of this member waits again, unless another forbids it.
create function errand.block_again(c errand.context, p_waiter bigint, p_member text) returns boolean language plpgsql as $$
declare
  other text;
  j errand.job;
begin
  perform from errand.done d join errand.course o on o.no = d.no where d.no = p_waiter and d.state = 6 and o.because = p_member;
  if not found then return false; end if;

  other := errand.cancelling_member(p_waiter);
  if other is not null then
    update errand.course set because = other where no = p_waiter;
    return true;
  end if;
  select due into j.due from errand.course where no = p_waiter;
  j := errand.reopen(p_waiter, j.due);
  perform errand.open_edges(p_waiter);
  perform errand.block(j);
  perform errand.tell(c, j, 'blocked', 1, j.attempts, null);
  perform errand.mark_reopened(p_waiter);
  -- The member may have succeeded by now.
  perform errand.move_on(c, p_waiter);
  return true;
end $$;

-- Members that stayed only for these jobs are looked at again.
create function errand.unpin_members(c errand.context, p_nos bigint[]) returns void language plpgsql as $$
begin
  -- As a rule there are none in the whole store.
  perform from errand.done where until is null limit 1;
  if not found then return; end if;
  update errand.done d
  set until = greatest(c.now, d.finished + 60000 * (case when d.state = 4 then b.keep_succeeded else b.keep_failed end)::bigint)
  from errand.edge e, errand.body b where e.waiter = any (p_nos) and d.no = e.member and b.no = d.no and d.until is null
    and not exists (select from errand.leaving l where l.no = d.no);
end $$;
