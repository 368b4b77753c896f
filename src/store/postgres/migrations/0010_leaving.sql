-- Leaving for another store, behind the gate. A taken job keeps its body and gives up its place, so that nothing finds it;
-- dropped, it leaves its number behind for the edges of those that wait for it.

-- What may leave is looked through in parts: 0 what waits and has kept its slot, 1 the lines, 2 those of rates, 3 suspects, 4 parked ones,
-- 5 scheduled, 6 blocked, 7 final ones. At most so many of a part that come after `p_after`; `at` is where each stands.
create function errand.leaving_next(p_part int, p_after bigint[], p_most int) returns table (no bigint, at bigint[]) language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
  a bigint := coalesce(p_after[1], -1);
  b bigint := coalesce(p_after[2], -1);
  d bigint := coalesce(p_after[3], -1);
begin
  case p_part
    when 0 then return query select w.no, array[w.no] from errand.waiting w
      where w.flags & 65536 <> 0 and kind in ('s', 'b') and w.no > a order by w.no limit p_most;
    when 1 then return query select r.no, array[queue, rank, place] from errand.ready r
      where (queue, rank, place) > (a, b, d) order by queue, rank, place limit p_most;
    when 2 then return query select w.no, array[queue, rank, rate, place] from errand.waiting w
      where kind = 'r' and (queue, rank, rate, place) > (a, b, d, coalesce(p_after[4], -1)) order by queue, rank, rate, place limit p_most;
    when 3 then return query select w.no, array[queue, rank, place] from errand.waiting w
      where kind = 'u' and (queue, rank, place) > (a, b, d) order by queue, rank, place limit p_most;
    when 4 then return query select w.no, array[lane, case when flags & 16384 = 0 then rank else -1 end, place]
      from errand.waiting w where kind in ('p', 'g') and (lane, case when flags & 16384 = 0 then rank else -1 end, place) > (coalesce(p_after[1], -2147483648), coalesce(p_after[2], -2), d)
      order by lane, case when flags & 16384 = 0 then rank else -1 end, place limit p_most;
    when 5 then return query select w.no, array[due, w.no] from errand.waiting w
      where kind = 's' and (due, w.no) > (coalesce(p_after[1], -9223372036854775808), b) order by due, w.no limit p_most;
    when 6 then return query select case when kind = 'b' then w.no end, array[w.no] from errand.waiting w
      where w.no > a order by w.no limit p_most;
    else return query select f.no, array[f.no] from errand.done f where f.no > a order by f.no limit p_most;
  end case;
end $$;

-- What runs; what is on its way; what an open transaction has brought and upkeep has still to finish; and a final job whose
-- end has not been told to all that wait for it.
create function errand.must_stay(p_no bigint) returns boolean language plpgsql as $$
declare
  now_state int := errand.state_of(p_no);
begin
  if now_state is null or now_state = 3 or errand.is_leaving(p_no) then return true; end if;
  perform from errand.arriving where no = p_no union all select from errand.ended_apart where no = p_no;
  if found then return true; end if;
  return now_state >= 4 and exists (select from errand.edge where member = p_no and open);
end $$;

-- Members that have not left, and are not placed before those that this call takes.
create function errand.staying_members(p_waiter bigint, p_ticket text) returns table (no bigint, open boolean) language plpgsql as $$
#variable_conflict use_column
begin
  return query select e.member, e.open from errand.edge e
  where e.waiter = p_waiter and exists (select from errand.body b where b.no = e.member)
    and not exists (select from errand.leaving l where l.no = e.member and (l.aside or l.ticket = p_ticket))
  order by e.index;
end $$;

create function errand.mark_leaving(p_no bigint, p_ticket text) returns boolean language plpgsql as $$
declare
  j errand.job;
begin
  update errand.done set until = null where no = p_no;
  if found then
    insert into errand.leaving (no, ticket) values (p_no, p_ticket);
    return true;
  end if;
  j := errand.take(p_no);
  -- A plain turn has claimed it this very moment.
  if j.no is null then return false; end if;
  insert into errand.leaving (no, ticket, kind, queue, rank, place, task, flags, keep_succeeded, keep_failed, attempts, crashes, expires, due, pending,
    keeps_slot)
  values (j.no, p_ticket, j.kind, j.queue, j.rank, j.place, j.task, j.flags & ~65536, j.keep_succeeded, j.keep_failed, j.attempts, j.crashes,
    j.expires, j.due, j.pending, j.flags & 65536 <> 0 and j.kind in ('s', 'b'));
  perform errand.free_slot(j);
  return true;
end $$;

-- Its members first, and theirs before them, up to one that stays, or until there is no room for more. Adds those that were taken.
create function errand.take_after_members(p_no bigint, p_ticket text, inout nos bigint[], inout jobs int, inout bytes bigint) language plpgsql as $$
declare
  path bigint[] := array[p_no];
  this bigint;
  first bigint;
  first_open boolean;
begin
  while cardinality(path) between 1 and 1000 and jobs > 0 and bytes > 0 loop
    this := path[cardinality(path)];
    exit when errand.must_stay(this);
    select m.no into first from errand.staying_members(this, p_ticket) m where m.no <> all (path) limit 1;
    if found then
      path := path || first;
      continue;
    end if;
    -- What is left of its members stands on the path: a circle. One goes first that needs nothing more of the others, if any does.
    first := this;
    if not exists (select from errand.done where no = this) then
      select bool_or(m.open) into first_open from errand.staying_members(this, p_ticket) m;
      if first_open is not null then
        select m.no into first from errand.staying_members(this, p_ticket) m join errand.done d on d.no = m.no limit 1;
        first := coalesce(first, case when not first_open then this end);
        exit when first is null;
      end if;
    end if;
    exit when not errand.mark_leaving(first, p_ticket);
    nos := nos || first;
    jobs := jobs - 1;
    bytes := bytes - errand.size_of(first);
    path := path[1 : array_position(path, first) - 1];
  end loop;
end $$;

-- About how many bytes a job is on its way.
create function errand.size_of(p_no bigint) returns bigint language plpgsql as $$
begin
  return (select 500 + length(b.input) + coalesce(length(b.more::text), 0)
    + coalesce((select length(result) from errand.done where no = p_no), 0)
    + coalesce((select sum(length(said)) from errand.history where no = p_no), 0)
    + coalesce((select sum(length(result)) from errand.step where no = p_no), 0)
    + 50 * (select count(*) from errand.edge where waiter = p_no)
  from errand.body b where b.no = p_no);
end $$;

-- At most so many jobs and about so many bytes, from part and place on. `part` and `after` are where to go on; no part when
-- all has been looked through. `again` notes that a job was let out of a lane, perhaps into a place that was passed before.
create function errand.take_leaving(
  p_now bigint, p_ticket text, p_jobs int, p_bytes bigint, p_part int, p_again boolean, p_after bigint[],
  out nos bigint[], out part int, out again boolean, out after bigint[], out arrivals text
) language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan as $$
declare
  c errand.context;
  room record;
  looked int := 0;
  here int;
  candidate record;
begin
  perform errand.enter();
  c := errand.begin(p_now, null);
  if p_part is null then
    perform errand.depart(c, array(select no from errand.leaving where aside and not errand.needed_here(no) order by seq limit 500));
  end if;
  part := coalesce(p_part, 0);
  again := coalesce(p_again, false);
  after := p_after;
  select '{}'::bigint[] as nos, p_jobs as jobs, p_bytes as bytes into room;
  while part <= 7 and looked < 500 and room.jobs > 0 and room.bytes > 0 loop
    here := 0;
    for candidate in select * from errand.leaving_next(part, after, 100) loop
      here := here + 1;
      if candidate.no is not null then
        select * into room from errand.take_after_members(candidate.no, p_ticket, room.nos, room.jobs, room.bytes);
      end if;
      -- Not past it where the room was used up: it may be a member of it that was taken last.
      exit when room.jobs <= 0 or room.bytes <= 0;
      after := candidate.at;
    end loop;
    looked := looked + here;
    if current_setting('errand_call.arrivals', true) <> '' then
      arrivals := concat_ws(',', arrivals, current_setting('errand_call.arrivals', true));
      perform set_config('errand_call.arrivals', '', true);
      again := true;
    end if;
    if here = 0 then
      after := null;
      if part = 4 and again then
        part := 1;
        again := false;
      else
        part := part + 1;
      end if;
    end if;
  end loop;
  nos := room.nos;
  if part > 7 then part := null; end if;
end $$;

-- Jobs that were taken and not dropped, the first taken first.
create function errand.still_leaving(p_jobs int, p_bytes bigint) returns bigint[] language sql stable as $$
  select coalesce(array_agg(no order by seq), '{}') from (
    select no, seq, sum(errand.size_of(no)) over (order by seq) - errand.size_of(no) as before from (
      select no, seq from errand.leaving where not aside order by seq limit p_jobs
    ) first
  ) sized where before < p_bytes or before = 0
$$;

-- Jobs as they travel, beyond what `records` says of them.
create function errand.travelling(p_nos bigint[], p_now bigint) returns table (no bigint, ticket text, more json) language sql stable
set jit = off set enable_hashjoin = off set enable_mergejoin = off as $$
  select n.no, l.ticket, json_build_object(
    'keep', json_build_array(b.keep_succeeded, b.keep_failed),
    'flags', b.flags,
    'lane', coalesce((select json_build_object('name', name, 'slots', slots) from errand.lane where no = b.lane),
      (select json_build_object('name', name, 'slots', 1, 'gather', json_build_object('size', size, 'waitMs', wait_ms)) from errand.gathering where no = -b.lane)),
    'keepsSlot', l.keeps_slot,
    'rate', (select json_build_object('name', name, 'tokens', tokens, 'perMs', per_ms) from errand.rate where no = b.rate),
    'holds', (select json_build_array(until) from errand.uniq u
      where u.task = b.task and u.key = b.uniq and u.no = b.no and (until is null or until > (errand.begin(p_now, null)).now)),
    'due', case when l.kind is null then (select due from errand.course where no = b.no) else l.due end,
    'history', (select json_agg(json_build_array(attempt, at, said::json) order by seq) from errand.history where no = b.no),
    'steps', (select json_object_agg(name, result order by seq) from errand.step where no = b.no),
    'members', (select json_agg(json_build_array(index, id, run, open) order by index) from errand.edge e where waiter = b.no
      and (exists (select from errand.body m where m.no = e.member) or exists (select from errand.departed m where m.no = e.member))),
    'awaited', errand.needed(b.no))
  from unnest(p_nos) with ordinality n (no, nth) join errand.body b on b.no = n.no join errand.leaving l on l.no = n.no order by n.nth
$$;

-- A job that may still be claimed here reads what it waited for.
create function errand.needed_here(p_no bigint) returns boolean language plpgsql as $$
begin
  return exists (select from errand.edge e where e.member = p_no and coalesce(errand.state_of(e.waiter) < 4, false) and not errand.is_leaving(e.waiter));
end $$;

create function errand.depart(c errand.context, p_nos bigint[]) returns void language plpgsql as $$
declare
  ids text[] := array(select b.id from unnest(p_nos) with ordinality n (no, nth) join errand.body b on b.no = n.no order by n.nth);
begin
  if c.heard then
    perform errand.tell_of(c, l.no, 'removed', coalesce(d.state, errand.state_at(l.kind)), coalesce(d.attempts, l.attempts))
    from unnest(p_nos) with ordinality n (no, nth) join errand.leaving l on l.no = n.no left join errand.done d on d.no = l.no order by n.nth;
  end if;
  -- A key that holds for a time holds on.
  delete from errand.uniq u using errand.body b
  where b.no = any (p_nos) and u.task = b.task and u.key = b.uniq and u.no = b.no and u.until is null;
  with gone as (
    delete from errand.leaving l using unnest(p_nos) n (no) where l.no = n.no returning l.queue, l.kind
  )
  insert into errand.move (queue, was, now, n) select queue, errand.state_at(kind), -1, count(*) from gone where kind is not null group by 1, 2;
  perform errand.unpin_members(c, p_nos);
  perform errand.erase(p_nos);
  insert into errand.departed (no, id, at) select no, id, c.now from unnest(p_nos, ids) d (no, id)
  on conflict (id) do update set no = excluded.no, at = excluded.at;
  if c.awaited then perform errand.tell_final(id) from unnest(ids) id; end if;
end $$;

create function errand.drop_left(p_now bigint, p_ids text[], p_tickets text[]) returns int language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  c errand.context;
  dropped bigint[];
  needed bigint[];
begin
  perform errand.enter();
  c := errand.begin(p_now, null);
  select array_agg(no order by nth) into dropped from (
    select l.no, min(t.nth) as nth from unnest(p_ids, p_tickets) with ordinality t (id, ticket, nth)
    join errand.body b on b.id = t.id join errand.leaving l on l.no = b.no and l.ticket = t.ticket group by l.no
  ) left_jobs;
  if dropped is null then return 0; end if;

  needed := array(select d.no from unnest(dropped) n (no) join errand.done d on d.no = n.no where errand.needed_here(d.no));
  update errand.leaving set aside = true where no = any (needed);
  perform errand.depart(c, array(select no from unnest(dropped) with ordinality n (no, nth) where no <> all (needed) order by nth));
  return cardinality(dropped);
end $$;

-- Back to where it stood.
create function errand.stay(p_no bigint) returns void language plpgsql as $$
declare
  l errand.leaving;
  j errand.job;
begin
  delete from errand.leaving where no = p_no returning * into l;
  if l.kind is null then
    update errand.done d set until = d.finished + 60000 * (case when d.state = 4 then b.keep_succeeded else b.keep_failed end)::bigint
    from errand.body b where b.no = p_no and d.no = p_no;
    return;
  end if;
  j := row(l.no, errand.state_at(l.kind), l.queue, l.rank, l.place, l.task, l.flags, l.keep_succeeded, l.keep_failed, l.attempts,
    l.crashes, l.expires, l.due, l.pending, l.kind);
  if l.keeps_slot then j := errand.take_slot(j); end if;
  if l.kind in ('s', 'b') then
    perform errand.put(j, l.kind);
    -- What has ended here while it was away was not told to it.
    insert into errand.cascade (member, reopened, succeeded, waiter)
    select e.member, false, d.state = 4, e.waiter from errand.edge e join errand.done d on d.no = e.member
    where e.waiter = p_no and e.open order by e.index;
  elsif j.flags & 32768 <> 0 and j.crashes < 2 then
    perform errand.gather(j, 0);
  elsif j.flags & 1 <> 0 then
    perform errand.put(j, 'p');
    perform errand.admit(array[b.lane]) from errand.body b where b.no = p_no;
  else
    perform errand.stand(j);
  end if;
end $$;

create function errand.stay_here(p_now bigint, p_ids text[], p_tickets text[], out stayed int, out arrivals text) language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  c errand.context;
  back bigint;
begin
  perform errand.enter();
  c := errand.begin(p_now, null);
  stayed := 0;
  for nth in 1 .. cardinality(p_ids) loop
    select no into back from errand.leaving where no = errand.number_of(p_ids[nth]) and ticket = p_tickets[nth];
    continue when not found;
    perform errand.stay(back);
    stayed := stayed + 1;
  end loop;
  perform errand.spread(c, 500);
  arrivals := current_setting('errand_call.arrivals', true);
end $$;

create function errand.end_move() returns boolean language plpgsql as $$
begin
  perform errand.enter();
  perform from errand.leaving where not aside limit 1;
  if found then return false; end if;
  update errand.moving set target = null;
  perform errand.stay(no) from errand.leaving;
  return true;
end $$;

-- Schedules that have not left are marked; all that are marked and not dropped are told.
create function errand.take_schedules() returns setof json language plpgsql as $$
begin
  perform errand.enter();
  with gone as (delete from errand.schedule returning *)
  insert into errand.left_schedule (name, record) select name, to_json(gone) from gone
  on conflict (name) do update set record = excluded.record;
  return query select record from errand.left_schedule where record is not null order by name collate "C";
end $$;
