-- What is written for new jobs once it is known that they come in (0004).

-- The key is this job's, or kept by another. Waits for whoever is taking it in a transaction of their own.
create function errand.take_key(c errand.context, s errand.new_job, p_no bigint, p_apart boolean) returns json language plpgsql as $$
declare
  outcome json := '{"kind":"inserted"}';
  holder errand.uniq;
  j errand.job;
  callers text := current_setting('lock_timeout');
begin
  loop
    insert into errand.uniq (task, key, no, id, until) values (s.task, s.key, p_no, s.id, c.now + s."keyMs") on conflict (task, key) do nothing;
    if found then return outcome; end if;

    select * into holder from errand.uniq where task = s.task and key = s.key;
    continue when not found;
    if coalesce(holder.until > c.now, true) then
      if s."onConflict" = 'refuse' then return json_build_object('kind', 'refused', 'reason', 'taken', 'other', holder.id); end if;
      if s."onConflict" is distinct from 'replace' then return json_build_object('kind', 'kept', 'other', holder.id); end if;
      if p_apart then
        perform errand.enter();
        perform set_config('lock_timeout', callers, true);
      end if;
      j := errand.take(holder.no);
      if j.no is null then return json_build_object('kind', 'kept', 'other', holder.id); end if;
      perform errand.finish(c, j, 6, null, null, s.id);
      outcome := json_build_object('kind', 'replaced', 'other', holder.id);
    end if;
    delete from errand.uniq where task = s.task and key = s.key and no = holder.no;
  end loop;
end $$;

-- The same for keys that nobody holds.
create function errand.take_keys(c errand.context, p_nos bigint[], p_jobs errand.new_job[]) returns void language plpgsql as $$
declare
  wanted int := (select count(key) from unnest(p_jobs));
  taken int;
begin
  if wanted = 0 then return; end if;
  insert into errand.uniq (task, key, no, id, until)
  select task, key, p_nos[ordinality], id, c.now + "keyMs" from unnest(p_jobs) with ordinality where key is not null order by task, key
  on conflict (task, key) do update set no = excluded.no, id = excluded.id, until = excluded.until where uniq.until <= c.now;
  get diagnostics taken = row_count;
  -- By somebody's own transaction (0009): looked at anew, they are known.
  if taken < wanted then raise exception 'A key was taken meanwhile.' using errcode = '40001'; end if;
end $$;

-- All that stays the same about new jobs, whose limits are known by now. Returns how many ids were not there.
create function errand.add_bodies(c errand.context, p_nos bigint[], p_jobs errand.new_job[]) returns int language plpgsql as $$
declare
  added int;
begin
  insert into errand.body (no, id, created, task, queue, rank, flags, keep_succeeded, keep_failed, input, lane, rate, uniq, more)
  select p_nos[n.ordinality], n.id, c.now, n.task, n.queue, n.rank, n.flags | case when n."on" is null then 0 else 64 end, n."keepSucceeded",
    n."keepFailed", n.input,
    case when n.flags & 1 <> 0 then (select no from errand.lane where name = n.lane ->> 'name')
      when n.flags & 32768 <> 0 then (select -no from errand.gathering where name = n.lane ->> 'name' and gathering.queue = n.queue) end,
    case when n.flags & 2 <> 0 then (select no from errand.rate where name = n.rate ->> 'name') end, n.key, n.more
  from unnest(p_jobs) with ordinality n on conflict (id) do nothing;
  get diagnostics added = row_count;
  if exists (select from errand.pruned) then delete from errand.pruned where id in (select id from unnest(p_jobs)); end if;
  return added;
end $$;

-- Makes new jobs wait for those that they name, and returns those of which a member's end forbids that they run.
create function errand.add_edges(p_nos bigint[], p_jobs errand.new_job[]) returns bigint[] language plpgsql as $$
declare
  members bigint[];
begin
  members := array(
    select distinct m.no from (
      select errand.number_of_member(w.id) as no from unnest(p_jobs) n cross join lateral json_array_elements_text(n."on") w (id) where n."on" is not null
    ) m);
  -- Before it is seen which of them are final: none of them ends plainly from now on.
  perform errand.mark(members, 32);
  insert into errand.edge (waiter, index, member, id, run, open)
  -- Numbered first: what is compared with a function cannot be looked up in an index.
  select p_nos[m.nth], m.index, m.no, m.id, m.run, not exists (select from errand.done d where d.no = m.no offset 0)
  from (
    select n.ordinality as nth, w.index, errand.number_of_member(w.id) as no, w.id, n.run
    from unnest(p_jobs) with ordinality n cross join lateral (
      select id, row_number() over (order by min(nth)) - 1 as index from json_array_elements_text(n."on") with ordinality e (id, nth) group by id
    ) w where n."on" is not null order by n.ordinality, w.index offset 0
  ) m;
  return array(
    select e.waiter from errand.edge e join errand.done d on d.no = e.member and d.state <> 4
    where e.waiter = any (p_nos) and not e.run group by e.waiter order by e.waiter);
end $$;

-- Where new jobs stand. In a lane those go first that come first, as long as there are slots: who is parked there has none to wait for.
create function errand.place_jobs(c errand.context, p_nos bigint[], p_jobs errand.new_job[]) returns void language plpgsql as $$
declare
  all_flags int := (select bit_or(flags | case when "on" is null then 0 else 64 end) from unnest(p_jobs));
  doomed bigint[] := '{}';
  gathered errand.job[];
  queues int[];
  timed boolean := coalesce((select bool_or(coalesce("dueAt", "dueIn", "expiresAt", "expiresIn") is not null) from unnest(p_jobs)), false);
  known bigint := case when timed then errand.first_moment() end;
begin
  if all_flags & 64 <> 0 then doomed := errand.add_edges(p_nos, p_jobs); end if;
  -- Its value may be another now. A group whose value is has been looked at (0017).
  if all_flags & 1 <> 0 then perform errand.admit(array(select distinct b.lane from unnest(p_nos) n (no) join errand.body b on b.no = n.no where b.lane > 0)); end if;
  with job as materialized (
    select b.*, n.nth, coalesce(n."dueAt", c.now + n."dueIn") as due, coalesce(n."expiresAt", c.now + n."expiresIn") as expires,
      case when all_flags & 64 <> 0 then (select count(*) from errand.edge e where e.waiter = b.no and e.open) else 0 end::int as pending
    from (select *, p_nos[ordinality] as no, ordinality as nth from unnest(p_jobs) with ordinality) n cross join lateral (
      select x.no, x.queue, x.rank, x.task, x.keep_succeeded, x.keep_failed, x.lane, x.rate,
        x.flags | case when all_flags & 64 <> 0 and exists (select from errand.edge e where e.member = x.no offset 0) then 32 else 0 end as flags
      from errand.body x where x.no = n.no limit 1
    ) b
  ), lined as (
    select *, case when flags & 1024 <> 0 or pending > 0 or no = any (doomed) then 'b' when due > c.now then 's' when flags & 32768 <> 0 then 'g' else 'l' end as line
    from job
  ), numbered as (
    select *, row_number() over (partition by lane, line order by nth) as in_lane from lined
  ), kinds as (
    select n.*, (case
      when line = 'l' and lane is not null and in_lane > (select slots - taken from errand.lane where lane.no = n.lane) then 'p'
      when line = 'l' and flags & 2 <> 0 then 'r' else line end)::"char" as kind
    from numbered n
  ), placed as materialized (
    select *, lane > 0 and kind in ('l', 'r') as holds from kinds order by nth
  ), ready as (
    insert into errand.ready (queue, rank, place, no, task, flags, keep_succeeded, keep_failed, expires)
    select queue, rank, no, no, task, case when holds then flags | 65536 else flags end, keep_succeeded, keep_failed, expires from placed where kind = 'l'
  ), waiting as (
    insert into errand.waiting (no, kind, queue, rank, place, task, flags, keep_succeeded, keep_failed, expires, due, pending, lane, rate)
    select no, kind, queue, rank, case when kind in ('p', 'r') then no end, task, case when holds then flags | 65536 else flags end, keep_succeeded, keep_failed, expires,
      case when kind in ('s', 'b') then due end, case when kind = 'b' then pending end, lane, case when kind = 'r' then coalesce(rate, 0) else rate end
    from placed where kind in ('p', 'r', 's', 'b')
  ), counted as (
    update errand.lane l set taken = l.taken + n.n
    from (select lane, count(*) as n from placed where holds group by lane order by lane) n where l.no = n.lane
  ), moved as (
    insert into errand.move (queue, was, now, n) select queue, -1, errand.state_at(kind), count(*) from placed group by queue, 3
  )
  select array_agg(distinct queue) filter (where kind in ('l', 'r')), array_agg(
    row(no, -1, queue, rank, no, task, flags, keep_succeeded, keep_failed, 0, 0, expires, null, null, null, null, null, null, null)::errand.job order by nth) filter (where kind = 'g')
  into queues, gathered from placed;
  if timed and errand.is_sooner(c.now, known) then queues := array(select distinct queue from unnest(p_jobs)); end if;
  perform errand.arrived(queue) from unnest(queues) queue;
  perform errand.gather(g, c.now) from unnest(gathered) g;
  if c.heard then perform errand.tell_of(c, no, 'enqueued', errand.state_of(no), 0) from unnest(p_nos) no; end if;
  perform errand.finish(c, errand.take(no), 6, null, null, errand.cancelling_member(no)) from unnest(doomed) no;
end $$;
