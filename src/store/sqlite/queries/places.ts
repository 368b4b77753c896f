/** Places: the lines jobs stand in, lanes and rates, and what waits for what. The hot statements are here. */

// Ids as text: making a buffer for each costs more than all else here.
const claimable = `r.seq, r.place, r.course, iif(typeof(j.id) = 'blob', lower(hex(j.id)), ':' || j.id), j.task, j.queue, j.rank, j.created, j.keep, j.expires, j.lane, j.rate, j.flags,
  j.unique_key, j.options, j.input`

export const placeQueries = {
  standInRange: `insert into ready select queue, rank, seq, seq, 0 from job where seq between ? and ?`,
  standAmong: `insert into ready select j.queue, j.rank, j.seq, j.seq, 0 from json_each(?) s cross join job j on j.seq = s.value`,
  stand: `insert into ready values (?, ?, ?, ?, ?)`,
  leaveReady: `delete from ready where line = ? and rank = ? and place = ?`,
  hasReady: `select 1 from ready where line = ? limit 1`,
  isReady: `select 1 from ready where line = ? and rank = ? and place = ?`,

  // cross join fixes the order of the join, so that no ANALYZE can change the plan.
  claimRange: `insert into claimed select seq, ?, ?, place, ?, null from ready where line = ? and rank = ? and place <= ?`,
  leaveRange: `delete from ready where line = ? and rank = ? and place <= ?`,
  claimOne: `insert into claimed values (?, ?, ?, ?, ?, null)`,

  settleClaim: `delete from claimed where seq = ? and incarnation = ? and claim = ? and cancel_at is null`,
  getClaimed: `select incarnation, claim, place, since, cancel_at from claimed where seq = ?`,
  leaveClaimed: `delete from claimed where seq = ?`,
  requestCancel: `update claimed set cancel_at = ? where seq = ?`,
  claimedBy: `select seq, claim, since, cancel_at from claimed where incarnation = ? order by seq limit ?`,
  runningCounts: `select incarnation, count(*) as n from claimed group by incarnation`,
  holdsSuspect: `select 1 from claimed k join course c on c.seq = k.seq where k.incarnation = ? and c.crashes >= 2 limit 1`,

  delay: `insert into delayed values (?, ?)`,
  getDelayed: `select due from delayed where seq = ?`,
  leaveDelayed: `delete from delayed where seq = ?`,
  dueDelayed: `select seq from delayed where due <= ? order by due, seq limit ?`,
  firstDue: `select min(due) as due from delayed`,

  block: `insert into blocked values (?, ?, ?, ?)`,
  getBlocked: `select pending, held, due from blocked where seq = ?`,
  setPending: `update blocked set pending = ? where seq = ?`,
  setBlockedDue: `update blocked set due = ? where seq = ?`,
  leaveBlocked: `delete from blocked where seq = ?`,

  laneByName: `select id, slots, used from lane where name = ?`,
  laneById: `select slots, used from lane where id = ?`,
  addLane: `insert into lane (name, slots) values (?, ?) returning id`,
  setSlots: `update lane set slots = ? where id = ?`,
  takeSlot: `update lane set used = used + 1 where id = ? and used < slots`,
  handInSlot: `update lane set used = used - 1 where id = ?`,
  park: `insert into parked values (?, ?, ?, ?)`,
  isParked: `select 1 from parked where lane = ? and rank = ? and place = ?`,
  firstParked: `select rank, place, seq from parked where lane = ? order by rank, place limit 1`,
  leaveParked: `delete from parked where lane = ? and rank = ? and place = ?`,

  rateByName: `select id, tokens, per_ms from rate where name = ?`,
  rateById: `select tokens, per_ms from rate where id = ?`,
  addRate: `insert into rate (name, tokens, per_ms) values (?, ?, ?) returning id`,
  setRate: `update rate set tokens = ?, per_ms = ? where id = ?`,
  addStart: `insert into rate_start values (?, ?, ?, ?)`,
  dropStart: `delete from rate_start where rate = ? and at = ? and seq = ? and claim = ?`,
  forgetStarts: `delete from rate_start where (rate, at, seq, claim) in (select s.rate, s.at, s.seq, s.claim from rate r
    cross join rate_start s on s.rate = r.id where s.at <= ? - r.per_ms limit ?)`,
  // The start that must be forgotten before another one fits.
  decidingStart: `select at from rate_start where rate = ? order by at desc limit 1 offset ?`,
  throttle: `insert into throttled values (?, ?, ?, ?, ?)`,
  isThrottled: `select 1 from throttled where rate = ? and queue = ? and rank = ? and place = ?`,
  leaveThrottled: `delete from throttled where rate = ? and queue = ? and rank = ? and place = ?`,
  firstThrottled: `select place, seq from throttled where rate = ? and queue = ? and rank = ? order by place limit 1`,
  putRateLine: `insert into rate_line values (?, ?, ?, ?, ?) on conflict (queue, rank, rate) do update set head = excluded.head, closed = excluded.closed`,
  deleteRateLine: `delete from rate_line where queue = ? and rank = ? and rate = ?`,
  rateLineHead: `select head, closed from rate_line where queue = ? and rank = ? and rate = ?`,
  queuesOfRate: `select distinct l.queue from rate_line l join rate r on r.id = l.rate where r.name = ?`,
  openHead: `select rate, head from rate_line where queue = ? and rank = ? and closed = 0 order by head limit 1`,
  closeLines: `update rate_line set closed = ? where rate = ?`,
  reopenLines: `update rate_line set closed = 0 where closed > 0 and closed <= ?`,
  someOpenRates: `select rate from (select distinct rate from rate_line where closed = 0 limit 100)
    union select rate from (select distinct j.rate from ready r cross join job j on j.seq = r.seq where r.line < 0 and j.rate is not null limit 100)`,
  firstReopening: `select min(closed) as due from rate_line where closed > 0`,
  anySuspect: `select 1 from ready where line < 0 limit 1`,
  anyRateLine: `select 1 from rate_line limit 1`,
  anyOpenLine: `select rank from rate_line where queue = ? and closed = 0 limit 1`,

  addEdge: `insert into edge (waiter, position, member, runs, open) values (?, ?, ?, ?, ?)`,
  endedMembers: `select e.position, j.id, f.state, f.result, f.error from edge e cross join final f on f.seq = e.member
    cross join job j on j.seq = e.member where e.waiter = ? and e.position >= ? order by e.position limit ?`,
  edgeBetween: `select position, open from edge where waiter = ? and member = ?`,
  reopenEdge: `update edge set open = 1, runs = 1 where waiter = ? and position = ?`,
  lastPosition: `select max(position) as position from edge where waiter = ?`,
  anyEdge: `select 1 from edge limit 1`,
  openEdges: `select n, waiter, runs from edge where member = ? and open = 1 order by n limit ?`,
  waitersOf: `select waiter from edge where member = ? order by n`,
  closeEdge: `update edge set open = 0 where n = ?`,
  closeEdgesOf: `update edge set open = 0 where waiter = ?`,
  deleteEdges: `delete from edge where waiter = ?`,
  reopenEdgesOf: `update edge set open = exists (select 1 from job j where j.seq = edge.member)
    and not exists (select 1 from final f where f.seq = edge.member) where waiter = ?`,
  openCount: `select count(*) as n from edge where waiter = ? and open = 1`,
  // The first member whose end forbids the waiter to run.
  cancellingMember: `select j.id from edge e cross join final f on f.seq = e.member cross join job j on j.seq = e.member
    where e.waiter = ? and e.runs = 0 and f.state <> 4 order by e.position limit 1`,
  membersWithWaiters: `select s.value as member from json_each(?) s where exists (select 1 from edge e where e.member = s.value and e.open = 1)`,
  // A member is needed while one of its waiters is not final.
  neededBy: `select e.waiter from edge e where e.member = ? and not exists (select 1 from final f where f.seq = e.waiter) limit 1`,
  pinnedMembers: `select p.seq from edge e cross join pinned p on p.seq = e.member where e.waiter = ?`,
  addReleasing: `insert into releasing values (?) on conflict do nothing`,
  firstReleasing: `select member from releasing order by member limit 1`,
  deleteReleasing: `delete from releasing where member = ?`,
} as const

/** Read as arrays: claims are made from these rows by the hundred. */
export const arrayQueries = {
  claimable:
    `select ${claimable} from ready r cross join job j on j.seq = r.seq where r.line = ? and r.rank = ? order by r.place limit ?` as string,
  claimableSuspects:
    `select ${claimable} from ready r cross join job j on j.seq = r.seq where r.line = ? order by r.rank, r.place limit ?` as string,
  claimableThrottled:
    `select ${claimable} from (select seq, place, exists (select 1 from course c where c.seq = t.seq) as course
    from throttled t where rate = ? and queue = ? and rank = ? and place = ?) r cross join job j on j.seq = r.seq` as string,
  claimedRow: `select ${claimable} from (select k.seq, k.place, c.seq is not null as course
    from claimed k left join course c on c.seq = k.seq where k.seq = ?) r cross join job j on j.seq = r.seq` as string,
} as const
