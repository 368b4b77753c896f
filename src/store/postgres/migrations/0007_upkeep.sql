-- What nobody asks for and time brings; a bounded amount per call, behind the gate.

-- When upkeep was here last, and up to which lane and rate it has looked for those that are used no more.
create table errand.stamp (
  single boolean primary key default true check (single),
  at   bigint,
  lane int not null default 0,
  rate int not null default 0,
  gathering int not null default 0
);
insert into errand.stamp (at) values (null);

create function errand.upkeep(
  p_now bigint, p_mono bigint, p_promote int, p_rescue int, p_expire int, p_spread int, p_prune int, p_lost text[], p_spares text
) returns json language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan as $$
declare
  c errand.context;
  silence bigint;
  extended boolean;
  promoted int := 0;
  expired int := 0;
  rescued int := 0;
  followed int;
  pruned int := 0;
  last_done bigint;
  j errand.job;
  r record;
begin
  perform errand.enter();
  perform set_config('errand_call.spares', p_spares, true);
  c := errand.begin(p_now, p_mono);
  select coalesce(c.mono - at, -1) into silence from errand.stamp;

  -- Each lease by itself: a patient worker must not make a short silence of the store look like its workers', and a hasty one
  -- needs as long as others to find a store again that was away. Who is in a turn is alive, and may be waiting for this very call.
  update errand.worker w set deadline = c.mono + greatest(w.lease_ms, 8000) from (
    select no from errand.worker where gone is null and errand.excuses(silence, lease_ms) for no key update skip locked
  ) silent where w.no = silent.no;
  extended := found;

  for r in select no from errand.waiting where kind = 's' and due <= c.now order by due, no limit p_promote loop
    j := errand.take(r.no);
    if j.pending > 0 then update errand.edge set open = false where waiter = j.no and open; end if;
    perform errand.line_up(j);
    perform errand.tell(c, j, 'ready', 2, j.attempts, null);
    promoted := promoted + 1;
  end loop;

  while expired < p_expire loop
    select no into r from (
      (select no, expires from errand.ready where expires <= c.now order by expires, no limit 1)
      union all (select no, expires from errand.waiting where expires <= c.now order by expires, no limit 1)
    ) overdue order by expires, no limit 1;
    exit when not found;
    j := errand.take(r.no);
    continue when j.no is null;
    perform errand.expire(c, j);
    expired := expired + 1;
  end loop;

  -- Marks the silent gone first, so that nothing they still send is accepted.
  for r in
    select no from errand.worker where gone is null and deadline <= c.mono and not errand.excuses(silence, lease_ms)
    order by no for update skip locked
  loop
    update errand.worker set gone = nextval('errand.counter') where no = r.no;
    perform errand.call(r.no);
  end loop;
  -- A job that is being ended in somebody's own transaction (0009) is left until that is over.
  for r in
    select w.no as worker, x.no from (select * from errand.worker where gone is not null offset 0) w join errand.running x on x.worker = w.no
    order by w.gone, x.no limit p_rescue for update of x skip locked
  loop
    perform errand.rescue(c, errand.take_running(r.worker, r.no, null), p_lost);
    rescued := rescued + 1;
  end loop;
  perform errand.forget_worker(w.no) from errand.worker w
  where w.gone is not null and not exists (select from errand.running x where x.worker = w.no);

  followed := errand.let_in(c, p_spread);
  followed := followed + errand.spread(c, p_spread);
  pruned := errand.prune(c, p_prune);
  perform errand.tidy(c);
  -- Who was passed over above and has not renewed its lease since, as in a resync, is still to be given time by the next call.
  update errand.stamp set at = c.mono where not exists (
    select from errand.worker where gone is null and deadline <= c.mono + lease_ms / 2 and errand.excuses(silence, lease_ms));

  return json_build_object('promoted', promoted, 'expired', expired, 'rescued', rescued, 'spread', followed, 'pruned', pruned,
    'extended', extended, 'nextDue', errand.next_due(c.now), 'arrivals', current_setting('errand_call.arrivals', true));
end $$;

-- Whether the store itself was silent for so long that nobody with this lease can be blamed for not renewing it.
create function errand.excuses(p_silence bigint, p_lease bigint) returns boolean language sql immutable as $$
  select p_silence < 0 or p_silence > greatest(p_lease, 8000) / 2.0
$$;

create function errand.rescue(c errand.context, j errand.job, p_lost text[]) returns void language plpgsql as $$
begin
  if j.no is null then return; end if;
  insert into errand.run (at, task, outcome, n, ran_ms) values (c.now - c.now % 60000, j.task, 8, 1, 0);
  j.expires := null;
  j.crashes := j.crashes + 1;
  if j.cancel_at is not null then
    perform errand.finish(c, j, 6, null, null, null);
  elsif j.flags & 512 <> 0 or j.crashes > 2 then
    perform errand.finish_and_follow(c, j, 5, null, p_lost[j.crashes], null);
  else
    perform errand.note(j.no, j.started, null);
    j.flags := j.flags | 2048;
    perform errand.line_up_again(j);
    perform errand.tell(c, j, 'rescued', 2, j.attempts, null);
  end if;
end $$;

create function errand.prune(c errand.context, p_most int) returns int language plpgsql as $$
declare
  pruned int := 0;
  d record;
begin
  while pruned < p_most loop
    -- What has ended within this very call is left to the next one.
    select done.no, done.flags, body.id into d from errand.done join errand.body on body.no = done.no
    where until <= c.now and done.xmin <> pg_current_xact_id()::xid order by until limit 1;
    exit when not found;
    if d.flags & 32 <> 0 and errand.needed(d.no) then
      update errand.done set until = null where no = d.no;
      continue;
    end if;
    perform errand.erase(array[d.no]);
    insert into errand.pruned (id, at) values (d.id, c.now) on conflict (id) do update set at = excluded.at;
    pruned := pruned + 1;
  end loop;
  return pruned;
end $$;

-- Forgets what is outdated, adds up what was appended, and lets out of lanes what came in without doing so itself.
create function errand.tidy(c errand.context) returns void language plpgsql as $$
begin
  delete from errand.uniq where until <= c.now;
  perform errand.forget_limits(c.now, 500);
  delete from errand.pruned where at <= c.now - 172800000;
  -- Not while a job here waits for it: that one will name it when it leaves.
  delete from errand.departed where no in (
    select no from errand.departed p where at <= c.now - 604800000
      and not exists (select from errand.edge e where e.member = p.no and e.open) order by at limit 5000);
  delete from errand.arrived where id in (select id from errand.arrived where at <= c.now - 604800000 order by at limit 5000);
  delete from errand.stat where at <= c.now - 1209600000;
  delete from errand.listener where until < clock_timestamp() - interval '1 minute';
  delete from errand.awaited where until < clock_timestamp();
  perform errand.admit(array(
    select l.no from errand.lane l where l.taken < l.slots and exists (select from errand.waiting w where w.kind = 'p' and w.lane = l.no)));
  perform errand.look(-g.no) from errand.gathering g
  where g.leader is null and g.ripe is null and exists (select from errand.waiting w where w.kind = 'g' and w.lane = -g.no);
  perform errand.ripen(c.now);

  with gone as (delete from errand.move returning *)
  insert into errand.tally (queue, state, n)
  select queue, state, sum(n) from (
    select queue, was as state, -n as n from gone where was >= 0 union all select queue, now, n from gone where now >= 0
  ) changes group by queue, state
  on conflict (queue, state) do update set n = tally.n + excluded.n;
  with gone as (delete from errand.run returning *)
  insert into errand.stat (at, task, outcome, n, ran_ms) select at, task, outcome, sum(n), sum(ran_ms) from gone group by at, task, outcome
  on conflict (at, task, outcome) do update set n = stat.n + excluded.n, ran_ms = stat.ran_ms + excluded.ran_ms;
end $$;
