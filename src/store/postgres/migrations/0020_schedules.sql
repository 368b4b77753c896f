-- Schedules, whose rules nobody here reads. Who fires is not agreed upon: the comparison of times sees to it that a tick fires once.

create table errand.schedule (
  name     text primary key,
  rule     text not null,
  next_at  bigint,
  paused   boolean not null default false,
  last_job text,
  declared bigint not null
);
create index schedule_by_time on errand.schedule (next_at, name collate "C") where next_at is not null and not paused;

-- `p_whens`, by name: the beginning that both rules have when they fire at the same times.
create function errand.put_schedules(p_now bigint, p_names text[], p_rules text[], p_next bigint[], p_whens jsonb) returns void language plpgsql as $$
declare
  c errand.context := errand.begin(p_now, null);
begin
  insert into errand.schedule (name, rule, next_at, declared)
  select distinct on (name) name, rule, next_at, c.now from unnest(p_names, p_rules, p_next) with ordinality s (name, rule, next_at, nth)
  -- One that was moved fires elsewhere.
  where not exists (select from errand.left_schedule l where l.name = s.name) order by name, nth desc
  on conflict (name) do update set declared = excluded.declared,
    next_at = case when schedule.rule = excluded.rule or starts_with(schedule.rule, p_whens ->> excluded.name) then schedule.next_at else excluded.next_at end,
    rule = excluded.rule;
  -- What was taken this very moment stood in the way of the insert until it was gone.
  delete from errand.schedule s using errand.left_schedule l where s.name = any (p_names) and l.name = s.name;
end $$;

create type errand.tick as (name text, at bigint, next bigint, job json);

-- Several ticks of one schedule come one after the other, those of different ones together.
create function errand.fire(p_now bigint, p_ticks json) returns table (answers text[], arrivals text) language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan as $$
declare
  c errand.context;
  ticks errand.tick[] := array(select json_populate_record(null::errand.tick, value) from json_array_elements(p_ticks));
  fired bigint[] := '{}';
  refused bigint[] := '{}';
  once record;
  nths bigint[];
begin
  perform errand.enter();
  c := errand.begin(p_now, null);
  for nths in
    select array_agg(nth) from (
      select ordinality as nth, row_number() over (partition by name order by ordinality) as round from unnest(ticks) with ordinality
    ) t group by round order by round
  loop
    once := errand.fire_once(c, ticks, nths);
    fired := fired || once.fired;
    refused := refused || once.refused;
  end loop;
  answers := array(select case when nth = any (refused) then 'refused' when nth = any (fired) then 'fired' else 'stale' end from generate_series(1, cardinality(ticks)) nth);
  arrivals := current_setting('errand_call.arrivals', true);
  return next;
end $$;

-- The comparison of times is what makes a tick fire at most once, however many fire it. What is refused has its time back.
create function errand.fire_once(c errand.context, p_ticks errand.tick[], p_nths bigint[], out fired bigint[], out refused bigint[]) language plpgsql as $$
declare
  added bigint[];
  ids text[];
  names text[];
  outcomes json[];
begin
  with due as materialized (
    select t.*, nth from unnest(p_nths) nth cross join lateral (select (p_ticks[nth]).*) t order by name
  ), moved as (
    update errand.schedule s set next_at = d.next from due d where s.name = d.name and not s.paused and s.next_at = d.at returning d.nth
  )
  select coalesce(array_agg(nth order by nth), '{}') into fired from moved;

  select array_agg((p_ticks[nth]).job ->> 'id' order by at), array_agg((p_ticks[nth]).name order by at), array_agg(json_build_array((p_ticks[nth]).job) order by at), array_agg(nth order by at)
  into ids, names, outcomes, added from unnest(fired) with ordinality f (nth, at) where (p_ticks[nth]).job is not null;
  if ids is null then return; end if;
  outcomes := errand.insert_in_order(c, outcomes);
  update errand.schedule s set last_job = case when o.outcome ->> 'kind' = 'kept' then o.outcome ->> 'other' else o.id end
  from (select name, id, outcome -> 0 as outcome from unnest(names, ids, outcomes) o (name, id, outcome)) o
  where s.name = o.name and o.outcome ->> 'kind' <> 'refused';
  select array_agg(nth) into refused from unnest(added, outcomes) r (nth, outcome) where outcome -> 0 ->> 'kind' = 'refused';
  if refused is not null then
    update errand.schedule s set next_at = (p_ticks[nth]).at from unnest(refused) nth where s.name = (p_ticks[nth]).name;
  end if;
end $$;
