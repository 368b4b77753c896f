-- Arriving from another store, behind the gate: a job goes on exactly where it left off.

-- One job, as it travels: the fields of an insert (0004), and what has become of it since.
create function errand.place_one(c errand.context, s json) returns text language plpgsql as $$
declare
  b errand.body;
  there errand.body;
  answer text := 'there';
begin
  perform errand.check_mark(s ->> 'of');
  b.id := s ->> 'id';
  perform from errand.arrived where id = b.id and ticket = s ->> 'ticket';
  if found then return 'placed'; end if;

  b.task := (s ->> 'task')::int;
  b.input := s ->> 'input';
  select * into there from errand.body where id = b.id;
  if not found then
    answer := 'placed';
    b := errand.place_body(c, b, s);
    if b.no is null then
      -- Somebody has inserted the same id this very moment.
      answer := 'there';
      select * into there from errand.body where id = s ->> 'id';
    end if;
  end if;
  if answer = 'there' and (there.task <> (s ->> 'task')::int or there.input <> s ->> 'input') then return 'conflict'; end if;

  insert into errand.arrived (id, ticket, at) values (s ->> 'id', s ->> 'ticket', c.now)
  on conflict (id) do update set ticket = excluded.ticket, at = excluded.at;
  if answer = 'placed' then perform errand.place_state(c, b, s); end if;
  return answer;
end $$;

-- All that stays the same about it. Without a number if its id is there.
create function errand.place_body(c errand.context, b errand.body, s json) returns errand.body language plpgsql as $$
declare
  of_lane json := s -> 'lane';
  of_rate json := s -> 'rate';
begin
  -- One that comes back has the number by which those that wait for it here know it.
  delete from errand.departed where id = b.id returning no into b.no;
  b.no := coalesce(b.no, nextval('errand.counter'));
  b.queue := (s ->> 'queue')::int;
  b.created := (s ->> 'created')::bigint;
  b.rank := (s ->> 'rank')::smallint;
  b.flags := (s ->> 'flags')::int | case when s -> 'members' is null then 0 else 64 end;
  b.keep_succeeded := (s ->> 'keepSucceeded')::int;
  b.keep_failed := (s ->> 'keepFailed')::int;
  b.more := s -> 'more';
  b.uniq := s ->> 'key';
  -- A limit that is known here keeps its value.
  perform errand.bring_limits(array[json_populate_record(null::errand.new_job, s)], false);
  select case when b.flags & 1 <> 0 then (select no from errand.lane where name = of_lane ->> 'name')
      when b.flags & 32768 <> 0 then (select -no from errand.gathering where name = of_lane ->> 'name' and queue = b.queue) end,
    case when b.flags & 2 <> 0 then (select no from errand.rate where name = of_rate ->> 'name') end into b.lane, b.rate;
  insert into errand.body select b.* on conflict (id) do nothing;
  if not found then return null; end if;
  delete from errand.pruned where id = b.id;

  -- A key that somebody holds here is lost on the way, never the job.
  if s -> 'holds' is not null then
    insert into errand.uniq (task, key, no, id, until) values (b.task, b.uniq, b.no, b.id, (s -> 'holds' ->> 0)::bigint)
    on conflict (task, key) do update set no = excluded.no, id = excluded.id, until = excluded.until where uniq.until <= c.now;
  end if;
  insert into errand.history (no, attempt, at, said)
  select b.no, (value ->> 0)::int, (value ->> 1)::bigint, value ->> 2 from json_array_elements(s -> 'history') with ordinality order by ordinality;
  insert into errand.step (no, name, result)
  select b.no, value ->> 0, value ->> 1 from json_array_elements(s -> 'steps') with ordinality order by ordinality;
  return b;
end $$;

-- Its members, its place or its end.
create function errand.place_state(c errand.context, b errand.body, s json) returns void language plpgsql as $$
declare
  new_state int := (s ->> 'state')::int;
  forbidden text;
  j errand.job;
  healed record;
begin
  j := row(b.no, -1, b.queue, b.rank, null, b.task, b.flags, b.keep_succeeded, b.keep_failed, (s ->> 'attempts')::int, (s ->> 'crashes')::smallint);
  j.due := (s ->> 'due')::bigint;
  j.expires := (s ->> 'expires')::bigint;
  if s -> 'course' is not null then
    insert into errand.course (no, started, error, progress, due, cancel_at, because)
    select b.no, started, error, progress, due, cancel_at, because
    from json_to_record(s -> 'course') as o (started bigint, error text, progress text, due bigint, cancel_at bigint, because text);
    j.flags := j.flags | 2048;
  end if;
  if s -> 'steps' is not null then j.flags := j.flags | 8192; end if;
  -- Some may have waited here while it was away.
  perform from errand.edge where member = b.no;
  if found then j.flags := j.flags | 32; end if;
  if (s ->> 'keepsSlot')::boolean then j := errand.take_slot(j); end if;
  forbidden := errand.connect(b.no, s -> 'members');

  if new_state >= 4 then
    insert into errand.done (no, state, flags, attempts, crashes, started, finished, until, result, error)
    values (b.no, new_state, j.flags, j.attempts, j.crashes, (s ->> 'started')::bigint, (s ->> 'finished')::bigint,
      (s ->> 'finished')::bigint + 60000 * (case when new_state = 4 then b.keep_succeeded else b.keep_failed end)::bigint,
      s ->> 'result', s ->> 'error');
    perform errand.move(b.queue, -1, new_state);
    if j.flags & 32 <> 0 then perform errand.mark_waiters(b.no, new_state = 4); end if;
    if c.awaited then perform errand.tell_final(b.id); end if;
    -- While it was on its way, the member that had cancelled it may have been retried.
    select e.member, e.id into healed from errand.edge e
    where e.waiter = b.no and e.id = s -> 'course' ->> 'because' and not e.run and exists (select from errand.body m where m.no = e.member)
      and not exists (select from errand.done d where d.no = e.member and d.state <> 4);
    if new_state <> 6 or not found or not errand.block_again(c, b.no, healed.id) then return; end if;
  elsif new_state = 0 then
    select nullif(count(*), 0) into j.pending from errand.edge where waiter = b.no and open;
    if j.pending is null and exists (select from json_array_elements(s -> 'members') where (value ->> 3)::boolean) then
      -- It waited for others and for a time, and all the others have ended before it came.
      new_state := 2;
      perform errand.line_up(j);
    else
      perform errand.postpone(j, j.due);
    end if;
  elsif new_state = 2 then
    perform errand.line_up(j);
  else
    perform errand.block(j);
  end if;
  if new_state < 4 then perform errand.tell(c, j, 'enqueued', new_state, j.attempts, null); end if;

  if forbidden is null then
    perform errand.move_on(c, b.no);
  elsif errand.state_of(b.no) = 1 then
    perform errand.finish(c, errand.take(b.no), 6, null, null, forbidden);
  end if;
end $$;

-- Answers the member that forbids it to run: one that has ended otherwise than well, or one that is no more.
create function errand.connect(p_no bigint, p_members json) returns text language plpgsql as $$
declare
  ended text;
  missing text;
  member_no bigint;
  member_state int;
  m record;
begin
  for m in
    select (value ->> 0)::int as index, value ->> 1 as id, (value ->> 2)::boolean as run, (value ->> 3)::boolean as open
    from json_array_elements(p_members) with ordinality order by ordinality
  loop
    member_no := errand.number_of_member(m.id);
    member_state := errand.state_of(member_no);
    if member_no is null then
      if m.open and not m.run then missing := coalesce(missing, m.id); end if;
      continue;
    end if;
    perform errand.mark(array[member_no], 32);
    insert into errand.edge (waiter, index, member, id, run, open)
    values (p_no, m.index, member_no, m.id, m.run, m.open and member_state < 4);
    if m.open and not m.run and member_state > 4 then ended := coalesce(ended, m.id); end if;
  end loop;
  return coalesce(ended, missing);
end $$;

create function errand.place(p_now bigint, p_jobs json) returns table (answers text[], arrivals text) language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan as $$
declare
  c errand.context;
  given text[] := '{}';
  each json;
begin
  perform errand.enter();
  c := errand.begin(p_now, null);
  for each in select value from json_array_elements(p_jobs) loop
    given := given || errand.place_one(c, each);
    perform errand.spread(c, 500);
  end loop;
  return query select given, current_setting('errand_call.arrivals', true);
end $$;

-- One that is known here keeps its rule. With the same rule no tick fires on both sides.
create function errand.place_schedules(p_schedules json) returns void language plpgsql as $$
declare
  s record;
begin
  perform errand.enter();
  for s in select * from json_to_recordset(p_schedules) as s (name text, rule text, next_at bigint, paused boolean, last_job text, declared bigint) loop
    delete from errand.left_schedule where name = s.name;
    insert into errand.schedule as known (name, rule, next_at, paused, last_job, declared)
    values (s.name, s.rule, s.next_at, s.paused, s.last_job, s.declared)
    on conflict (name) do update set paused = known.paused or excluded.paused, declared = greatest(known.declared, excluded.declared),
      last_job = coalesce(known.last_job, excluded.last_job),
      -- One that has fired for the last time does not begin again.
      next_at = case when known.rule <> excluded.rule then known.next_at
        when known.next_at is null or excluded.next_at is null then null else greatest(known.next_at, excluded.next_at) end;
  end loop;
end $$;
