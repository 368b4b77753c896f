-- Looking, without touching.

create type errand.record as (
  no bigint, id text, task text, queue text, rank smallint, state int, input text, created bigint, uniq text, more json, attempts int,
  crashes smallint, expires bigint, due bigint, pending int, flags int, started bigint, finished bigint, result text, error text,
  progress text, cancel_at bigint, because text, incarnation text
);

-- Jobs by number, in the order asked.
create function errand.records(p_nos bigint[]) returns setof errand.record language sql stable rows 50 as $$
  select b.no, b.id, t.name, q.name, b.rank, p.state, b.input, b.created, b.uniq, b.more, p.attempts, p.crashes, p.expires, p.due, p.pending,
    p.flags, case when p.state in (3, 4, 5, 6, 7) then p.started else o.started end, p.finished, p.result,
    case when p.state >= 4 then p.error else o.error end, o.progress, coalesce(p.cancel_at, o.cancel_at), o.because, p.incarnation
  from unnest(p_nos) with ordinality n (no, nth)
  join errand.body b on b.no = n.no
  join errand.task t on t.no = b.task
  join errand.queue q on q.no = b.queue
  cross join lateral (
    select case w.kind when 's' then 0 when 'b' then 1 else 2 end as state, w.attempts, w.crashes, w.expires, w.due, w.pending, w.flags,
      null::bigint as started, null::bigint as finished, null::text as result, null::text as error, null::bigint as cancel_at, null::text as incarnation
    from errand.waiting w where w.no = b.no
    union all
    select 2, r.attempts, r.crashes, r.expires, null, null, r.flags, null, null, null, null, null, null
    from errand.ready r where r.queue = b.queue and r.rank = b.rank and r.place = b.no
    union all
    select 2, r.attempts, r.crashes, r.expires, null, null, r.flags, null, null, null, null, null, null
    from errand.ready r where r.no = b.no and r.place <> r.no
    union all
    select 3, x.attempts, x.crashes, null, null, null, x.flags, x.started, null, null, null, x.cancel_at, w.id
    from errand.worker w join errand.running x on x.worker = w.no and x.no = b.no
    union all
    select d.state, d.attempts, d.crashes, null, null, null, d.flags, d.started, d.finished, d.result, d.error, null, null
    from errand.done d where d.no = b.no
    union all
    select errand.state_at(l.kind), l.attempts, l.crashes, l.expires, l.due, l.pending, l.flags, null, null, null, null, null, null
    from errand.leaving l where l.no = b.no and l.kind is not null
  ) p
  left join errand.course o on o.no = b.no
  order by n.nth
$$;

create function errand.counts() returns table (queue text, paused boolean, state int, n bigint) language sql stable as $$
  select q.name, q.paused, s.state, sum(s.n)::bigint
  from errand.queue q left join (
    select queue, state::int, n from errand.tally
    union all select queue, was, -n from errand.move where was >= 0
    union all select queue, now, n from errand.move where now >= 0
  ) s on s.queue = q.no
  where q.seen or s.queue is not null
  group by q.name, q.paused, s.state
$$;

create function errand.stats(p_from double precision, p_to double precision) returns table (at bigint, task text, outcome int, n bigint, ran_ms bigint)
language sql stable as $$
  select s.at, t.name, s.outcome::int, sum(s.n)::bigint, sum(s.ran_ms)::bigint from (
    select at, task, outcome, n, ran_ms from errand.stat union all select at, task, outcome, n, ran_ms from errand.run
  ) s join errand.task t on t.no = s.task where s.at >= p_from and s.at < p_to group by s.at, t.name, s.outcome
$$;

-- Begins to listen: waits until no call is under way that does not see the new listener, and looks at these jobs in that
-- very moment. The notification divides what was told before from what is told after.
create function errand.listen(p_listener text, p_token text, p_ids text[]) returns setof errand.record language plpgsql
set lock_timeout = '500ms' as $$
begin
  begin
    lock table errand.listener in access exclusive mode;
  exception when lock_not_available then
    -- Somebody's long transaction: what it adds may not be told.
    null;
  end;
  insert into errand.listener (id, until) values (p_listener, clock_timestamp() + interval '1 minute')
  on conflict (id) do update set until = excluded.until;
  perform pg_notify('errand.news', 'l' || p_token);
  return query select * from errand.records(array(select b.no from errand.body b join unnest(p_ids) with ordinality i (id, nth) using (id) order by i.nth));
end $$;

-- Numbers of jobs that match, newest first: at most `p_limit` of those found among the next `p_examine`. `last` is the
-- oldest of them looked at, `looked` how many those were.
create function errand.find(
  p_before bigint, p_states int[], p_tasks text[], p_queues text[], p_tag text, p_from double precision, p_to double precision, p_examine int,
  p_limit int, p_indexed boolean
) returns table (found bigint[], last bigint, looked bigint, beyond boolean) language plpgsql stable
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  nos bigint[];
  matching bigint[];
begin
  if p_indexed then
    nos := array(select no from errand.body where flags & 262144 <> 0 and more ->> 'part' = p_tag and no < p_before order by no desc limit p_examine);
  elsif p_states is not null and p_states <@ '{0,1,3,5,6,7}' then
    nos := array(
      select no from (
        (select no from errand.waiting where no < p_before and (kind = 's' and 0 = any (p_states) or kind = 'b' and 1 = any (p_states)) order by no desc limit p_examine)
        union all
        (select no from errand.leaving where no < p_before and errand.state_at(kind) = any (p_states) order by no desc limit p_examine)
        union all
        (select no from errand.running where no < p_before and 3 = any (p_states) order by no desc limit p_examine)
        union all
        (select f.no from unnest(p_states) s (state) cross join lateral (
          select no from errand.done d where d.state = s.state and d.state <> 4 and d.no < p_before order by d.no desc limit p_examine
        ) f)
      ) source order by no desc limit p_examine);
  else
    nos := array(select no from errand.body where no < p_before order by no desc limit p_examine);
  end if;

  select array_agg(no order by no desc) into matching from (
    select b.no from unnest(nos) n (no) join errand.body b on b.no = n.no
    where (p_tasks is null or b.task in (select no from errand.task where name = any (p_tasks)))
      and (p_queues is null or b.queue in (select no from errand.queue where name = any (p_queues)))
      and (p_from is null or b.created >= p_from) and (p_to is null or b.created < p_to)
      and (p_tag is null or exists (select from json_array_elements_text(b.more -> 'tags') t (tag) where tag = p_tag))
      and (p_states is null
        or exists (select from errand.done d where d.no = b.no and d.state = any (p_states))
        or 2 = any (p_states) and (
          exists (select from errand.ready r where r.queue = b.queue and r.rank = b.rank and r.place = b.no)
          or exists (select from errand.ready r where r.no = b.no and r.place <> r.no))
        or p_states && '{0,1,2}' and exists (
          select from errand.waiting w where w.no = b.no and (case w.kind when 's' then 0 when 'b' then 1 else 2 end) = any (p_states))
        or p_states && '{0,1,2}' and exists (
          select from errand.leaving l where l.no = b.no and l.kind is not null and errand.state_at(l.kind) = any (p_states))
        or 3 = any (p_states) and exists (
          select from errand.worker w join errand.running r on r.worker = w.no and r.no = b.no))
    order by b.no desc limit p_limit
  ) matched;
  return query select coalesce(matching, '{}'), nos[cardinality(nos)], cardinality(nos)::bigint,
    case when p_indexed then cardinality(nos) >= p_examine or coalesce(cardinality(matching) >= p_limit, false)
      else exists (select from errand.body where no < coalesce(case when cardinality(matching) >= p_limit then matching[p_limit] end, nos[cardinality(nos)])) end;
end $$;
