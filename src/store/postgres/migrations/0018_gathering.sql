-- Lanes that gather: their jobs stand apart until enough of them do, or one has waited long enough. Then the first of them stands in
-- the line for all, as their leader, and whoever claims it is handed the others too (0013).

create function errand.now_of_call() returns bigint language plpgsql as $$
begin
  return coalesce(nullif(current_setting('errand_call.now', true), '')::bigint, (extract(epoch from clock_timestamp()) * 1000)::bigint);
end $$;

create function errand.gather(j errand.job, p_since bigint) returns void language plpgsql as $$
declare
  in_lane int := (select lane from errand.body where no = j.no);
  standing int;
  led boolean;
begin
  j.due := p_since;
  perform errand.put(j, 'g');
  select count(*) into standing from (select from errand.waiting w where w.kind = 'g' and w.lane = in_lane limit 2) counted;
  select leader is not null into led from errand.gathering where no = -in_lane;
  -- Whoever sleeps must hear when it will be time.
  if standing = 1 and not led then perform errand.arrived(j.queue); end if;
  perform errand.look(in_lane);
end $$;

-- Sends out a leader if it is time and none stands in the line.
create function errand.look(p_lane int) returns void language plpgsql as $$
declare
  g errand.gathering;
  at bigint;
  full_house boolean;
  first bigint;
begin
  select * into g from errand.gathering where no = -p_lane;
  if not found or g.leader is not null then return; end if;
  select w.due + g.wait_ms into at from errand.waiting w where w.kind = 'g' and w.lane = p_lane order by w.due limit 1;
  full_house := at is not null and g.size <= (select count(*) from (select from errand.waiting w where w.kind = 'g' and w.lane = p_lane limit g.size) counted);
  if full_house or at <= errand.now_of_call() then
    select w.no into first from errand.waiting w where w.kind = 'g' and w.lane = p_lane
    order by case when w.flags & 16384 = 0 then w.rank else -1 end, w.place limit 1;
    update errand.gathering set leader = first, ripe = null where no = g.no;
    perform errand.stand(errand.take(first));
  elsif at is distinct from g.ripe then
    update errand.gathering set ripe = at where no = g.no;
  end if;
end $$;

-- What time has made ripe.
create function errand.ripen(p_now bigint) returns void language plpgsql as $$
begin
  perform errand.look(-no) from (select no from errand.gathering where ripe <= p_now order by ripe limit 100) ripened;
end $$;
