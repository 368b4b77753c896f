-- How a job moves between places. Everything here is for calls that hold the gate (see 0005): they come one at a time,
-- and meet only plain inserts and plain turns, which never wait for them.
--
-- States: 0 scheduled, 1 blocked, 2 ready, 3 running, 4 succeeded, 5 failed, 6 cancelled, 7 expired.
-- Flags: 1 has a lane, 2 a rate, 4 a key until its first claim, 8 a key until its end, 16 a key for a time,
-- 32 others wait for it, 64 it waits for others, 128 and 256 a job follows its success or failure, 512 must not run
-- twice, 1024 was inserted held, 2048 has a course, 4096 its cancel was asked for, 8192 has steps, 16384 its lane is ordered,
-- 32768 its lane gathers, 65536 holds a slot of its lane, 131072 its attempt has waited: it keeps its place and needs no token,
-- 262144 has a tag that is indexed.

-- One job on its way from one place to another. `state` is where it comes from.
create type errand.job as (
  no bigint, state smallint, queue int, rank smallint, place bigint, task int, flags int, keep_succeeded int,
  keep_failed int, attempts int, crashes smallint, expires bigint, due bigint, pending int, kind "char",
  worker int, claim bigint, started bigint, cancel_at bigint
);
-- The call that is under way: its clocks, and whether anybody listens to events.
create type errand.context as (now bigint, mono bigint, heard boolean, awaited boolean);

create function errand.begin(p_now bigint, p_mono bigint) returns errand.context language plpgsql as $$
declare
  c errand.context;
begin
  c.now := coalesce(p_now, (extract(epoch from clock_timestamp()) * 1000)::bigint);
  c.mono := coalesce(p_mono, (extract(epoch from clock_timestamp()) * 1000)::bigint);
  c.heard := exists (select from errand.listener where until > clock_timestamp());
  c.awaited := exists (select from errand.awaited);
  -- The time of tests, for those that are not given the context.
  if p_now is not null then perform set_config('errand_call.now', p_now::text, true); end if;
  return c;
end $$;

-- The gate: whoever does more than plain things does them alone.
create function errand.enter() returns void language plpgsql as $$
begin
  perform set_config('lock_timeout', '10s', true);
  perform pg_advisory_xact_lock('errand.body'::regclass::oid::int, 1);
  -- All others wait for whoever holds it, so it waits for no row that somebody's own transaction (0009) keeps.
  perform set_config('lock_timeout', '200ms', true);
end $$;

create function errand.move(p_queue int, p_was int, p_now int) returns void language plpgsql as $$
begin
  insert into errand.move (queue, was, now, n) values (p_queue, p_was, p_now, 1);
end $$;

-- Notes that something became claimable here; the caller's process wakes sleepers once it has committed.
create function errand.arrived(p_queue int) returns void language plpgsql as $$
declare
  known text := current_setting('errand_call.arrivals', true);
begin
  if known is null or known = '' then
    perform set_config('errand_call.arrivals', p_queue::text, true);
  elsif not p_queue::text = any (string_to_array(known, ',')) then
    perform set_config('errand_call.arrivals', known || ',' || p_queue, true);
  end if;
end $$;

-- Wakes a worker for a message, a cancel request, or the end of its life.
create function errand.call(p_worker int) returns void language plpgsql as $$
begin
  perform pg_notify('errand.news', 'c' || p_worker);
end $$;

-- A text for all who listen. Long ones are cut up, since a notification holds 8,000 bytes.
create function errand.say(p_text text) returns void language plpgsql as $$
declare
  no bigint := nextval('errand.counter');
  parts int := (length(p_text) + 1899) / 1900;
begin
  for part in 0 .. parts - 1 loop
    perform pg_notify('errand.news', concat('e', no, ' ', part, ' ', parts, ' ', substr(p_text, part * 1900 + 1, 1900)));
  end loop;
end $$;

-- `more` is the end of a JSON object, such as `,"error":{}`.
create function errand.tell(c errand.context, j errand.job, p_kind text, p_state int, p_attempt int, p_more text) returns void
language plpgsql as $$
begin
  if not c.heard then return; end if;
  perform errand.say(format('{"kind":"%s","at":%s,"id":%s,"task":%s,"queue":%s,"state":%s,"attempt":%s%s%s}',
    p_kind, c.now, to_json(b.id), to_json(t.name), to_json(q.name), p_state, p_attempt,
    case when b.more -> 'redact' is not null then ',"redact":' || (b.more -> 'redact')::text end, p_more))
  from errand.body b join errand.task t on t.no = b.task join errand.queue q on q.no = b.queue where b.no = j.no;
end $$;

create function errand.tell_of(c errand.context, p_no bigint, p_kind text, p_state int, p_attempt int) returns void language plpgsql as $$
declare
  j errand.job;
begin
  j.no := p_no;
  perform errand.tell(c, j, p_kind, p_state, p_attempt, null);
end $$;

-- Takes a job that waits out of its place; null if it does not wait.
create function errand.take(p_no bigint) returns errand.job language plpgsql as $$
declare
  j errand.job;
begin
  delete from errand.waiting w where w.no = p_no
  returning w.no, case w.kind when 's' then 0 when 'b' then 1 else 2 end, w.queue, w.rank, w.place, w.task, w.flags,
    w.keep_succeeded, w.keep_failed, w.attempts, w.crashes, w.expires, case when w.kind <> 'g' then w.due end, w.pending, w.kind into j;
  if j.flags & 32768 <> 0 and j.kind = 'r' then update errand.gathering set leader = null where leader = p_no; end if;
  if j.no is not null then return j; end if;
  delete from errand.ready r using errand.body b
  where b.no = p_no and r.queue = b.queue and r.rank = b.rank and r.place = p_no and r.no = p_no
  returning r.no, 2, r.queue, r.rank, r.place, r.task, r.flags, r.keep_succeeded, r.keep_failed, r.attempts, r.crashes,
    r.expires, null, null, 'l' into j;
  if j.no is not null then return j; end if;
  delete from errand.ready r where r.no = p_no and r.place <> r.no
  returning r.no, 2, r.queue, r.rank, r.place, r.task, r.flags, r.keep_succeeded, r.keep_failed, r.attempts, r.crashes,
    r.expires, null, null, 'l' into j;
  return j;
end $$;

-- Takes a job from the worker that runs it.
create function errand.take_running(p_worker int, p_no bigint, p_claim bigint) returns errand.job language plpgsql as $$
declare
  j errand.job;
begin
  delete from errand.running r where r.worker = p_worker and r.no = p_no and (p_claim is null or r.claim = p_claim)
  returning r.no, 3, r.queue, r.rank, r.place, r.task, r.flags, r.keep_succeeded, r.keep_failed, r.attempts, r.crashes,
    r.expires, null, null, null, r.worker, r.claim, r.started, r.cancel_at into j;
  if j.flags & 32768 <> 0 then delete from errand.grouped where no = p_no; end if;
  return j;
end $$;

-- The state that a kind of place stands for.
create function errand.state_at(p_kind "char") returns int language sql immutable as $$
  select case p_kind when 's' then 0 when 'b' then 1 else 2 end
$$;

-- The state of a job, or null. A plain turn may move it at any time, so whoever acts on the answer must look again.
create function errand.state_of(p_no bigint) returns int language plpgsql as $$
declare
  found_state int;
begin
  if p_no is null then return null; end if;
  loop
    select case w.kind when 's' then 0 when 'b' then 1 else 2 end from errand.waiting w where w.no = p_no
    union all select 2 from errand.body b join errand.ready r on r.queue = b.queue and r.rank = b.rank and r.place = b.no where b.no = p_no
    union all select 2 from errand.ready where no = p_no and place <> no
    union all select 3 from errand.running where worker = any (array(select no from errand.worker)) and no = p_no
    union all select state from errand.done where no = p_no
    limit 1 into found_state;
    if found then return found_state; end if;
    select errand.state_at(kind) from errand.leaving where no = p_no into found_state;
    if found then return found_state; end if;
    perform from errand.body where no = p_no;
    if not found then
      -- Whether one that was moved has ended, nobody here knows.
      perform from errand.departed where no = p_no;
      return case when found then 1 end;
    end if;
  end loop;
end $$;

create function errand.number_of(p_id text) returns bigint language plpgsql as $$
begin
  return (select no from errand.body where id = p_id);
end $$;

-- Also of a job that was moved: those that wait for it follow it.
create function errand.number_of_member(p_id text) returns bigint language plpgsql as $$
begin
  return (select no from errand.body where id = p_id union all select no from errand.departed where id = p_id limit 1);
end $$;

create function errand.is_leaving(p_no bigint) returns boolean language plpgsql as $$
begin
  return exists (select from errand.leaving where no = p_no);
end $$;

-- The number of a job that people may still change: what is on its way to another store is as good as there.
create function errand.number_here(p_id text) returns bigint language plpgsql as $$
begin
  return (select no from errand.body b where id = p_id and not exists (select from errand.leaving l where l.no = b.no));
end $$;

-- Raises a flag of jobs wherever they stand. In the order in which a plain turn moves them, so that none is missed; and always of one
-- that runs, since somebody's own transaction (0009) may be ending it.
create function errand.mark(p_nos bigint[], p_flag int) returns void language plpgsql as $$
declare
  marked bigint[];
  unmarked bigint[] := array(
    select n.no from unnest(p_nos) n (no)
    where not exists (select from errand.waiting w where w.no = n.no and w.flags & p_flag <> 0)
      and not exists (select from errand.done d where d.no = n.no and d.flags & p_flag <> 0)
      and not exists (select from errand.body b join errand.ready r on r.queue = b.queue and r.rank = b.rank and r.place = b.no
        where b.no = n.no and r.no = n.no and r.flags & p_flag <> 0)
      and not exists (select from errand.ready r where r.no = n.no and r.place <> r.no and r.flags & p_flag <> 0)
  );
begin
  if unmarked = '{}' then return; end if;
  with found as (
    update errand.waiting w set flags = w.flags | p_flag from unnest(unmarked) n (no) where w.no = n.no returning w.no
  ) select array_agg(no) into marked from found;
  unmarked := array(select unnest(unmarked) except select unnest(marked));
  with found as (
    update errand.ready r set flags = r.flags | p_flag from unnest(unmarked) n (no), errand.body b
    where b.no = n.no and r.queue = b.queue and r.rank = b.rank and r.place = n.no and r.no = n.no returning r.no
  ), placed_anew as (
    update errand.ready r set flags = r.flags | p_flag from unnest(unmarked) n (no) where r.no = n.no and r.place <> r.no returning r.no
  ) select array_agg(no) into marked from (select no from found union all select no from placed_anew) either;
  unmarked := array(select unnest(unmarked) except select unnest(marked) except select d.no from unnest(unmarked) n (no) join errand.done d on d.no = n.no);
  update errand.running r set flags = r.flags | p_flag from unnest(unmarked) n (no), errand.worker w where r.worker = w.no and r.no = n.no;
  update errand.done d set flags = d.flags | p_flag from unnest(p_nos) n (no) where d.no = n.no and d.flags & p_flag = 0;
  update errand.leaving l set flags = l.flags | p_flag from unnest(p_nos) n (no) where l.no = n.no;
end $$;

create function errand.put(j errand.job, p_kind "char") returns void language plpgsql as $$
begin
  insert into errand.waiting (no, kind, queue, rank, place, task, flags, keep_succeeded, keep_failed, attempts, crashes, expires,
    due, pending, lane, rate)
  select j.no, p_kind, j.queue, j.rank, j.place, j.task, j.flags, j.keep_succeeded, j.keep_failed, j.attempts, j.crashes, j.expires,
    j.due, j.pending, lane, case when p_kind = 'r' then coalesce(needed, 0) else needed end
  from errand.body cross join lateral (select case when j.flags & 131072 = 0 then rate else -rate end as needed) r where no = j.no;
end $$;

-- To be called before such a job is written, see 0021.
create function errand.lower() returns void language plpgsql as $$
begin
  perform nextval('errand.lowered');
end $$;

-- Into the line of its queue and rank, or where those stand that no plain claim may take. `p_new`: its place was drawn in this very call.
create function errand.stand(j errand.job, p_new boolean default false) returns void language plpgsql as $$
begin
  if j.crashes >= 2 then
    perform errand.put(j, 'u');
  elsif j.flags & 163842 <> 0 then
    perform errand.put(j, 'r');
  else
    if not p_new then perform errand.lower(); end if;
    insert into errand.ready (queue, rank, place, no, task, flags, keep_succeeded, keep_failed, attempts, crashes, expires)
    values (j.queue, j.rank, j.place, j.no, j.task, j.flags, j.keep_succeeded, j.keep_failed, j.attempts, j.crashes, j.expires);
  end if;
  perform errand.arrived(j.queue);
end $$;

-- Makes a job ready at the end of its line, or with the number it has where it goes on; or parks it in its lane.
create function errand.line_up(j errand.job, p_place bigint default null) returns void language plpgsql as $$
begin
  if j.flags & 131072 = 0 then j.place := coalesce(p_place, nextval('errand.counter')); end if;
  j.due := null;
  j.pending := null;
  perform errand.move(j.queue, j.state, 2);
  if j.flags & 32768 <> 0 and j.crashes < 2 then
    perform errand.gather(j, errand.now_of_call());
    return;
  end if;
  if j.flags & 65537 = 1 then
    perform errand.put(j, 'p');
    perform errand.admit(array[b.lane]) from errand.body b where b.no = j.no;
    return;
  end if;
  perform errand.stand(j, j.flags & 131072 = 0);
end $$;

-- Where it stood before it was claimed; it never went back into its lane.
create function errand.line_up_again(j errand.job) returns void language plpgsql as $$
begin
  perform errand.move(j.queue, j.state, 2);
  if j.flags & 32768 <> 0 and j.crashes < 2 then
    -- It has waited long enough.
    perform errand.gather(j, 0);
  else
    perform errand.stand(j);
  end if;
end $$;

create function errand.postpone(j errand.job, p_due bigint) returns void language plpgsql as $$
begin
  j.due := p_due;
  perform errand.move(j.queue, j.state, 0);
  perform errand.put(j, 's');
end $$;

-- Lets jobs out of lanes, by rank and place, while they have free slots; `p_freed` of each have just become free.
create function errand.admit(p_lanes int[], p_freed bigint[] default null) returns void language plpgsql as $$
declare
  queues int[];
begin
  -- Each is looked up by its number: left to itself the planner may walk over all lanes, once for each job.
  with given as materialized (
    select l.no as lane, l.slots - l.taken + g.freed as free, g.freed
    from (select lane, coalesce(freed, 0) as freed from unnest(p_lanes, p_freed) g (lane, freed)) g
    cross join lateral (select * from errand.lane x where x.no = g.lane limit 1) l
  ), next as materialized (
    select g.lane, w.* from given g cross join lateral (
      select x.no, x.ctid as at, x.crashes < 2 and x.flags & 131074 = 0 as plain from errand.waiting x
      where x.lane = g.lane and x.kind = 'p'
      order by case when x.flags & 16384 = 0 then x.rank else -1 end, x.place limit greatest(g.free, 0)
    ) w
  ), change as materialized (
    -- Mostly the next one takes what has become free, and nothing is to be written.
    select lane, sum(n)::bigint as n from (select lane, -freed as n from given union all select lane, 1 from next) each
    group by lane having sum(n) <> 0 order by lane
  ), counted as (
    update errand.lane l set taken = l.taken + (select array_agg(n) from change)[width_bucket(l.no, array(select lane from change))]
    where l.no = any (array(select lane from change))
  ), apart as (
    update errand.waiting w set kind = case when w.crashes >= 2 then 'u' else 'r' end, flags = w.flags | 65536, rate = coalesce(w.rate, 0)
    where w.no = any (array(select no from next where not plain)) returning w.queue
  ), gone as (
    delete from errand.waiting w where w.ctid = any (array(select at from next where plain)) returning w.*
  ), lowered as materialized (
    select nextval('errand.lowered') from (select from next where plain limit 1) any_next
  ), lined as (
    insert into errand.ready (queue, rank, place, no, task, flags, keep_succeeded, keep_failed, attempts, crashes, expires)
    select queue, rank, place, no, task, flags | 65536, keep_succeeded, keep_failed, attempts, crashes, expires from lowered cross join gone
  )
  select array_agg(distinct queue) into queues from (select queue from apart union all select queue from gone) out;
  perform errand.arrived(queue) from unnest(queues) queue;
  perform errand.look(lane) from unnest(p_lanes) lane where lane < 0;
end $$;

-- Hands in the slot that a job may hold without letting the next one out; `admit` does, also the next leader of those that are
-- gathered. The job's flag is up to the caller.
create function errand.hand_in(j errand.job) returns int language plpgsql as $$
declare
  in_lane int;
begin
  if j.flags & 32769 = 0 then return null; end if;
  select b.lane into in_lane from errand.body b where b.no = j.no;
  if j.flags & 65536 <> 0 then update errand.lane set taken = taken - 1 where no = in_lane; end if;
  return in_lane;
end $$;

-- Also for a job that waits: until it starts, nobody else comes into its place.
create function errand.take_slot(j errand.job) returns errand.job language plpgsql as $$
begin
  if j.flags & 65537 = 1 then
    update errand.lane l set taken = l.taken + 1 from errand.body b where b.no = j.no and l.no = b.lane;
    j.flags := j.flags | 65536;
  end if;
  return j;
end $$;

create function errand.free_slot(j errand.job) returns void language plpgsql as $$
begin
  if j.flags & 32769 <> 0 then perform errand.admit(array[errand.hand_in(j)]); end if;
end $$;

-- What a job has beyond its row.
create function errand.note(p_no bigint, p_started bigint, p_error text) returns void language plpgsql as $$
begin
  insert into errand.course (no, started, error) values (p_no, p_started, p_error)
  on conflict (no) do update set started = p_started, error = coalesce(p_error, course.error);
end $$;
