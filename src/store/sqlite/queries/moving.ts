/** Jobs and schedules on their way to another store, or from one. */

const claimedOrLeaving = (seq: string) =>
  `exists (select 1 from errand_claimed k where k.seq = ${seq}) or exists (select 1 from errand_leaving l where l.seq = ${seq})`

export const movingQueries = {
  addLeaving: `insert into errand_leaving (seq, ticket, state, due, slot) values (?, ?, ?, ?, ?)`,
  getLeaving: `select n, ticket, state, due, slot, aside from errand_leaving where seq = ?`,
  leavingInOrder: `select seq, ticket, state, due from errand_leaving where aside = 0 order by n limit ?`,
  leavingCount: `select count(*) as n from errand_leaving`,
  anyLeaving: `select 1 from errand_leaving limit 1`,
  deleteLeaving: `delete from errand_leaving where seq = ?`,
  putAside: `update errand_leaving set aside = 1 where seq = ?`,
  aside: `select l.seq, f.until from errand_leaving l cross join errand_final f on f.seq = l.seq where l.aside = 1`,
  asideAndFree: `select l.seq from errand_leaving l where l.aside = 1 and not exists (
    select 1 from errand_edge e where e.member = l.seq and not exists (select 1 from errand_final f where f.seq = e.waiter)
    and not exists (select 1 from errand_leaving w where w.seq = e.waiter)) limit ?`,

  delayedWithSlot: `select seq from errand_delayed where slot = 1 and seq > ? order by seq limit ?`,
  blockedWithSlot: `select seq from errand_blocked where slot = 1 and seq > ? order by seq limit ?`,
  readyToLeave: `select seq from errand_ready order by line, rank, place limit ? offset ?`,
  throttledToLeave: `select seq from errand_throttled order by rate, queue, rank, place limit ? offset ?`,
  parkedToLeave: `select seq from errand_parked order by lane, rank, place limit ? offset ?`,
  gatheredToLeave: `select seq from errand_gathered order by grp, rank, place limit ? offset ?`,
  delayedToLeave: `select seq from errand_delayed order by due, seq limit ? offset ?`,
  blockedToLeave: `select seq from errand_blocked where seq > ? order by seq limit ?`,
  finalToLeave: `select seq from errand_final where seq > ? order by seq limit ?`,
  mustStay: `select 1 where ${claimedOrLeaving('?1')}
    or exists (select 1 from errand_final f where f.seq = ?1 and exists (select 1 from errand_edge e where e.member = ?1 and e.open = 1))
    or exists (select 1 from errand_reopening o where o.member = ?1)
    or exists (select 1 from errand_edge e cross join errand_releasing r on r.member = e.member
      where e.waiter = ?1 and e.open = 1 and r.id is not null)` as string,
  stayingMembers: `select e.member, e.open from errand_edge e where e.waiter = ? and exists (select 1 from errand_job j where j.seq = e.member)
    and not exists (select 1 from errand_leaving l where l.seq = e.member and (l.aside = 1 or l.ticket = ?)) limit ?`,
  // A waiter that is leaving is not claimed here any more.
  neededHere: `select 1 from errand_edge e where e.member = ? and not exists (select 1 from errand_final f where f.seq = e.waiter)
    and not exists (select 1 from errand_leaving l where l.seq = e.waiter) limit 1`,
  freeActiveKey: `delete from errand_unique_key where task = ? and key = ? and seq = ? and until is null`,

  edgesOf: `select e.position, coalesce(j.id, d.id) as id, e.runs, e.open from errand_edge e left join errand_job j on j.seq = e.member
    left join errand_departed d on d.seq = e.member where e.waiter = ? order by e.position`,
  laneNamed: `select name, slots from errand_lane where id = ?`,
  rateNamed: `select name, tokens, per_ms from errand_rate where id = ?`,

  addDeparted: `insert into errand_departed values (?, ?, ?) on conflict (id) do update set seq = excluded.seq, at = excluded.at`,
  departedSeq: `select seq from errand_departed where id = ?`,
  anyDeparted: `select 1 from errand_departed limit 1`,
  deleteDeparted: `delete from errand_departed where seq = ?`,
  // Not while a job here still waits for it: it will want to name it when it leaves.
  forgetDeparted: `delete from errand_departed where seq in (select d.seq from errand_departed d where d.at <= ?
    and not exists (select 1 from errand_edge e where e.member = d.seq and e.open = 1) order by d.at limit ?)`,
  seqOfMember: `select seq from errand_job where id = ?1 union all select seq from errand_departed where id = ?1`,

  putArrived: `insert into errand_arrived values (?, ?, ?) on conflict (id) do update set ticket = excluded.ticket, at = excluded.at`,
  ticketOf: `select ticket from errand_arrived where id = ?`,
  forgetArrived: `delete from errand_arrived where id in (select id from errand_arrived where at <= ? order by at limit ?)`,

  leaveSchedule: `insert into errand_left_schedule values (?, ?) on conflict (name) do update set record = excluded.record`,
  hasLeftSchedule: `select 1 from errand_left_schedule where name = ?`,
  leavingSchedules: `select record from errand_left_schedule where record is not null order by name`,
  dropSchedule: `update errand_left_schedule set record = null where name = ?`,
  returnSchedule: `delete from errand_left_schedule where name = ?`,
  getSchedule: `select name, rule, next, paused, last_job, declared from errand_schedule where name = ?`,
  placeSchedule: `insert or replace into errand_schedule (name, rule, next, paused, last_job, declared) values (?, ?, ?, ?, ?, ?)`,
} as const
