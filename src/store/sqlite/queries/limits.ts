/** Lanes and rates by name: their values, and how long they are remembered. */
export const limitQueries = {
  laneByName: `select id, slots, pinned from errand_lane where name = ?`,
  addLane: `insert into errand_lane (name, slots) values (?, ?) returning id, slots, pinned`,
  setSlots: `update errand_lane set slots = ? where id = ?`,
  pinLane: `update errand_lane set pinned = ? where name = ?`,
  countLaneJobs: `update errand_lane set jobs = jobs + ?, unfinished = unfinished + ? where id in (select value from json_each(?))`,
  // Of jobs that have ended, one in each lane; their slots are handed in or not.
  endInLanes: `update errand_lane set used = used - ?, unfinished = unfinished - 1 where id in (select value from json_each(?))`,
  forgetLanes: `delete from errand_lane where id in (select value from json_each(?)) and jobs = 0 and pinned = 0`,

  groupByName: `select id, size, wait_ms from errand_group where name = ? and queue = ?`,
  groupById: `select name, queue, size, wait_ms, standing, leader, ripe from errand_group where id = ?`,
  addGroup: `insert into errand_group (name, queue, size, wait_ms) values (?, ?, ?, ?) returning id, size, wait_ms`,
  setGroup: `update errand_group set size = ?, wait_ms = ? where id = ?`,
  setRipe: `update errand_group set ripe = ? where id = ?`,
  setLeader: `update errand_group set leader = ?, ripe = null where id = ?`,
  addStanding: `update errand_group set standing = standing + ? where id = ?`,
  countGroupJobs: `update errand_group set jobs = jobs + ?, unfinished = unfinished + ? where id = ?`,
  forgetGroup: `delete from errand_group where id = ? and jobs = 0`,
  ripeGroups: `select id from errand_group where ripe is not null and ripe <= ? order by ripe limit ?`,
  firstRipe: `select ripe from errand_group where ripe is not null order by ripe limit 1`,
  groupsInUse: `select name, sum(standing + (leader is not null)) as waiting from errand_group
    where name >= ? and name > ? and unfinished > 0 group by name order by name limit ?`,
  gather: `insert into errand_gathered values (?, ?, ?, ?, ?)`,
  gatheredSince: `select since from errand_gathered where grp = ? and rank = ? and place = ?`,
  leaveGathered: `delete from errand_gathered where grp = ? and rank = ? and place = ?`,
  firstGathered: `select rank, place, seq from errand_gathered where grp = ? order by rank, place limit 1`,
  longestGathered: `select since from errand_gathered where grp = ? order by since limit 1`,
  addGrouped: `insert into errand_grouped values (?, ?)`,
  getGrouped: `select leader from errand_grouped where seq = ?`,
  deleteGrouped: `delete from errand_grouped where seq = ?`,

  rateByName: `select id, tokens, per_ms, pinned from errand_rate where name = ?`,
  addRate: `insert into errand_rate (name, tokens, per_ms) values (?, ?, ?) returning id, tokens, per_ms, pinned`,
  setRate: `update errand_rate set tokens = ?, per_ms = ? where id = ?`,
  pinRate: `update errand_rate set pinned = ? where name = ?`,
  // Of a rate that has no unfinished job any more, none is left to ask for a token.
  countRateJobs: `update errand_rate set jobs = jobs + ?1, unfinished = unfinished + ?2, lined = lined + ?3,
    tight = iif(unfinished + ?2 > 0, tight, 0) where id in (select value from json_each(?4))`,

  someRates: `select id from errand_rate where id > ? order by id limit ?`,
  forgetStarts: `delete from errand_rate_start where (rate, at, seq, claim) in (select s.rate, s.at, s.seq, s.claim from errand_rate r
    cross join errand_rate_start s on s.rate = r.id where r.id > ? and r.id <= ? and s.at <= ? - r.per_ms limit ?)`,
  forgetRates: `delete from errand_rate where id > ? and id <= ? and jobs = 0 and pinned = 0 and closed <= ?
    and not exists (select 1 from errand_rate_start s where s.rate = errand_rate.id)`,

  // Names of both kinds in one order. Those that nobody uses are passed over until they are forgotten.
  lanesInUse: `select name, slots, used, pinned, (select count(*) from errand_parked p where p.lane = l.id) as waiting from errand_lane l
    where name >= ? and name > ? and (unfinished > 0 or pinned = 1) order by name limit ?`,
  ratesInUse: `select id, name, tokens, per_ms, closed, pinned from errand_rate r where name >= ? and name > ? and (unfinished > 0 or pinned = 1
    or closed > ? or exists (select 1 from errand_rate_start s where s.rate = r.id and s.at > ? - r.per_ms)) order by name limit ?`,
  startsSince: `select count(*) as n from errand_rate_start where rate = ? and at > ?`,
} as const
