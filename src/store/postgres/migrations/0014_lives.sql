-- The lives of workers: joining, asking anew, leaving, sleeping and waking.

create function errand.join(p_id text, p_now bigint, p_mono bigint, p_said json, p_queues text[], p_lease bigint) returns int language plpgsql as $$
declare
  c errand.context := errand.begin(p_now, p_mono);
  new_no int;
begin
  insert into errand.worker (id, said, queues, lease_ms, started, deadline)
  values (p_id, p_said, p_queues, p_lease, c.now, c.mono + p_lease) returning no into new_no;
  return new_no;
end $$;

create function errand.resync(p_worker text) returns table (
  claim bigint, no bigint, place bigint, id text, task int, queue int, rank smallint, input text, attempts int, crashes smallint, created bigint,
  flags int, more json, extra json
) language plpgsql as $$
declare
  w errand.worker;
begin
  perform from errand.worker u where u.id = p_worker and gone is null for update;
  update errand.worker u set epoch = u.epoch + 1 where u.id = p_worker and gone is null returning * into w;
  if not found then return; end if;
  extra := json_build_object('epoch', w.epoch, 'no', w.no, 'mark', errand.mark_of_store(),
    'messages', (select json_agg(m.body::json order by m.seq) from errand.message m where m.worker = w.no));
  return next;
  return query select * from errand.held(w.no, array(select r.no from errand.running r where r.worker = w.no order by r.claim, r.rank, r.place));
end $$;

create function errand.leave(p_worker text, p_now bigint) returns text language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  w errand.worker;
  c errand.context;
  held bigint;
begin
  select * into w from errand.worker where id = p_worker and gone is null for update;
  if not found then return null; end if;
  perform errand.enter();
  c := errand.begin(p_now, null);
  -- As in a rescue: the first to come back may lead the others.
  for held in select no from errand.running where worker = w.no order by no loop
    perform errand.take_back(c, errand.take_running(w.no, held, null), 0, false);
  end loop;
  perform errand.forget_worker(w.no);
  perform errand.spread(c, 500);
  return current_setting('errand_call.arrivals', true);
end $$;

create function errand.forget_worker(p_no int) returns void language plpgsql as $$
begin
  delete from errand.message where worker = p_no;
  delete from errand.cancel where worker = p_no;
  delete from errand.worker where no = p_no;
  perform errand.call(p_no);
end $$;

-- Whether a worker may fall asleep: 'work', 'control', 'again' where it was only now noted as asleep, or null.
create function errand.fall_asleep(p_worker text, p_queues text[], p_hints bigint[], p_era text) returns text language plpgsql
set jit = off set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare
  w errand.worker;
begin
  select * into w from errand.worker where id = p_worker and gone is null;
  if not found or exists (select from errand.message where worker = w.no and not told) or exists (select from errand.cancel where worker = w.no) then
    return 'control';
  end if;
  if not w.parked or w.queues <> p_queues then
    update errand.worker set parked = true, queues = p_queues where no = w.no;
    return 'again';
  end if;
  if p_era <> errand.era() then p_hints := null; end if;
  perform from errand.queue q cross join unnest('{0,1,2,3}'::int[]) line (rank) cross join lateral (
    select from errand.ready r where r.queue = q.no and r.rank = line.rank and r.place >= errand.floor_of(p_hints, q.no, line.rank) limit 1
  ) any_ready where q.name = any (p_queues) and not q.paused limit 1;
  if found then return 'work'; end if;
  return null;
end $$;

-- Tells sleepers that there may be work in these queues. To be called once what brought it is committed. If it is lost with
-- the server, so are the connections of those who sleep, and they look when they are back: nobody waits for the disk.
create function errand.wake(p_queues int[]) returns void language plpgsql as $$
declare
  told text;
begin
  perform from errand.worker where parked and gone is null limit 1;
  if not found then return; end if;
  perform set_config('synchronous_commit', 'off', true);
  with asleep as (
    -- Who is in a turn looks once more before it falls asleep.
    select no from errand.worker w
    where parked and gone is null and w.queues && array(select name from errand.queue where no = any (p_queues) and not paused)
    for no key update skip locked
  ), woken as (
    update errand.worker w set parked = false from asleep where w.no = asleep.no returning w.no
  )
  select string_agg(no::text, ',') into told from woken;
  if told is not null then perform pg_notify('errand.news', 'w' || told); end if;
end $$;

-- The same as `insert_plain`, and then `wake` in a transaction of its own: one way to the server instead of two.
create procedure errand.insert_plain_and_wake(
  p_store text, p_now bigint, p_ids text[], p_tasks int[], p_queues int[], p_ranks smallint[], p_flags int[], p_keep_succeeded int[],
  p_keep_failed int[], p_inputs text[], p_more text[], p_due_at bigint[], p_due_in bigint[], p_expires_at bigint[], p_expires_in bigint[],
  inout arrivals int[]
) language plpgsql as $$
begin
  arrivals := errand.insert_plain(p_store, p_now, p_ids, p_tasks, p_queues, p_ranks, p_flags, p_keep_succeeded, p_keep_failed, p_inputs,
    p_more, p_due_at, p_due_in, p_expires_at, p_expires_in);
  if arrivals is null then return; end if;
  commit;
  perform errand.wake(arrivals);
end $$;
