-- What a process has to know to begin its claims behind the dead rows of a line, which stay in the index for as long as somebody
-- holds an old snapshot: below a floor nothing is ready, and nothing will come.
--
-- A place is drawn from `counter`, by a transaction that has the sequence locked from then to its end. So if nobody who had it locked when
-- it stood at some number has it any more, all that was placed below that number can be seen; what a claim then does not find
-- between its beginning and the first job is not there, and comes no more. A job that comes back to an older place comes with another era.

-- Floors of one era mean nothing in another: a job came back, the server was started anew, or another one took its place, perhaps
-- without the last commits.
create function errand.era() returns text language plpgsql as $$
begin
  return (select concat_ws(' ', last_value - (not is_called)::int, errand.mark_of_store(), extract(epoch from pg_postmaster_start_time()))
    from errand.lowered);
end $$;

-- What was drawn so far, and then who may not have committed yet what he drew or lowered before.
create function errand.survey() returns json language plpgsql as $$
declare
  drawn bigint := (select last_value - (not is_called)::int from errand.counter);
begin
  return json_build_object('drawn', drawn, 'open', array(
    select distinct virtualtransaction from pg_locks
    where locktype = 'relation' and relation in ('errand.counter'::regclass, 'errand.lowered'::regclass) and mode = 'RowExclusiveLock'
      and database = (select oid from pg_database where datname = current_database()) and pid is distinct from pg_backend_pid()));
end $$;

-- Where to begin in a line. `p_hints`: a queue's number, negated, then a place for each rank.
create function errand.floor_of(p_hints bigint[], p_queue int, p_rank int) returns bigint language plpgsql immutable as $$
begin
  return coalesce(p_hints[array_position(p_hints, -p_queue::bigint) + 1 + p_rank], 0);
end $$;
