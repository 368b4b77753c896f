/** Places: the lines jobs stand in, lanes and rates, and what waits for what. The hot statements are here. */
import { lastMoment } from '../../../duration.ts'
import { flag } from '../job-row.ts'

/** A whole number beyond 2^53 cannot be read: what somebody else has written there counts as the last moment of all. */
export const readable = (column: string) => `min(${column}, ${lastMoment})` as string

// Each column costs as much as a step of the search, so small numbers share one, and what few jobs have has another.
// Ids as text: making a buffer for each costs more than all else here.
const hexId = `iif(typeof(j.id) = 'blob', hex(j.id), ':' || j.id)`
const claimable = `r.seq, r.place, j.task, (j.queue << 2) | j.rank, (j.keep << 14) | (r.course << 13) | j.flags, j.created,
  ${hexId}, iif(coalesce(j.expires, j.lane, j.rate, j.unique_key) is null, null,
  json_array(j.expires, j.lane, j.rate, j.unique_key)),
  iif(j.flags & ${flag.options}, json_set(j.options, '$.metadata', j.metadata), j.metadata), j.input`

// A job that runs keeps its deadline, since it may be given back unstarted.
const waitingDeadline = `select d.at from errand_deadline d where not exists (select 1 from errand_claimed k where k.seq = d.seq) order by d.at limit 1`
const firstExpiry = readable(`(${waitingDeadline})`)

export const placeQueries = {
  standInRange: `insert into errand_ready select queue, rank, seq, seq, 0 from errand_job where seq between ? and ?`,
  standAmong: `insert into errand_ready select j.queue, j.rank, j.seq, j.seq, 0 from json_each(?) s cross join errand_job j on j.seq = s.value`,
  // From where they are blocked, with the place of the first; the others follow.
  standTogether: `insert into errand_ready select b.line >> 2, b.line & 3, ? + s.key, b.seq, 0 from json_each(?) s cross join errand_blocked b on b.seq = s.value`,
  stand: `insert into errand_ready values (?, ?, ?, ?, ?)`,
  leaveReady: `delete from errand_ready where line = ? and rank = ? and place = ?`,
  hasReady: `select 1 from errand_ready where line = ? limit 1`,
  firstRank: `select rank from errand_ready where line = ? and rank >= ? order by rank limit 1`,
  lastRank: `select rank from errand_ready where line = ? and rank <= ? order by rank desc limit 1`,
  isReady: `select 1 from errand_ready where line = ? and rank = ? and place = ?`,

  // cross join fixes the order of the join, so that no ANALYZE can change the plan.
  claimRange: `insert into errand_claimed select seq, ?, ?, place, ?, null from errand_ready where line = ? and rank = ? and place <= ?`,
  leaveRange: `delete from errand_ready where line = ? and rank = ? and place <= ?`,
  claimOne: `insert into errand_claimed values (?, ?, ?, ?, ?, null)`,

  heldInRange: `select count(*) as n from errand_claimed where seq between ? and ? and incarnation = ? and claim = ? and cancel_at is null`,
  settleRange: `delete from errand_claimed where seq between ? and ? and incarnation = ? and claim = ? and cancel_at is null`,
  settleClaim: `delete from errand_claimed where seq = ? and incarnation = ? and claim = ? and cancel_at is null`,
  getClaimed: `select incarnation, claim, place, since, cancel_at from errand_claimed where seq = ?`,
  leaveClaimed: `delete from errand_claimed where seq = ?`,
  requestCancel: `update errand_claimed set cancel_at = ? where seq = ?`,
  claimedBy: `select seq, claim, since, cancel_at from errand_claimed where incarnation = ? order by seq limit ?`,
  runningCounts: `select incarnation, count(*) as n from errand_claimed group by incarnation`,
  holdsSuspect: `select 1 from errand_claimed k join errand_course c on c.seq = k.seq where k.incarnation = ? and c.crashes >= 2 limit 1`,

  delay: `insert into errand_delayed values (?, ?, ?)`,
  getDelayed: `select ${readable('due')} as due, slot from errand_delayed where seq = ?` as string,
  leaveDelayed: `delete from errand_delayed where seq = ?`,
  dueDelayed: `select seq, slot from errand_delayed where due <= ? order by due, seq limit ?`,

  block: `insert into errand_blocked (seq, pending, held, due, slot) values (?, ?, ?, ?, ?)`,
  blockNew: `insert into errand_blocked (seq, pending, held, due, line) values (?, ?, ?, ?, ?)`,
  setBlockedRank: `update errand_blocked set line = (line >> 2 << 2) | ? where seq = ? and line is not null`,
  getBlocked: `select pending, held, ${readable('due')} as due, slot from errand_blocked where seq = ?` as string,
  setPending: `update errand_blocked set pending = ? where seq = ?`,
  setBlockedDue: `update errand_blocked set due = ? where seq = ?`,
  setBlockedSlot: `update errand_blocked set slot = ? where seq = ?`,
  leaveBlocked: `delete from errand_blocked where seq = ?`,
  leaveBlockedTogether: `delete from errand_blocked where seq in (select value from json_each(?))`,

  takeSlot: `update errand_lane set used = used + 1 where id = ? and used < slots`,
  handInSlot: `update errand_lane set used = used - 1 where id = ?`,
  takeSlotAgain: `update errand_lane set used = used + 1 where id = ?`,
  park: `insert into errand_parked values (?, ?, ?, ?)`,
  isParked: `select 1 from errand_parked where lane = ? and rank = ? and place = ?`,
  firstParked: `select rank, place, seq from errand_parked where lane = ? order by rank, place limit 1`,
  leaveParked: `delete from errand_parked where lane = ? and rank = ? and place = ?`,

  rateById: `select tokens, per_ms, closed, unfinished, tight from errand_rate where id = ?`,
  countLined: `update errand_meta set value = value + ? where key = 'lined'`,
  setTight: `update errand_rate set tight = ? where id = ?`,
  closeRate: `update errand_rate set closed = max(closed, ?) where id = ?`,
  addStarts: `insert into errand_rate_start select j.rate, k.since, k.seq, k.claim from json_each(?) s
    cross join errand_claimed k on k.seq = s.value cross join errand_job j on j.seq = s.value`,
  startsUpTo: `select count(*) as n from (select 1 from errand_rate_start where rate = ? and at > ? limit ?)`,
  dropStart: `delete from errand_rate_start where rate = ? and at = ? and seq = ? and claim = ?`,
  // The start that must be forgotten before another one fits.
  decidingStart: `select at from errand_rate_start where rate = ? order by at desc limit 1 offset ?`,
  throttle: `insert into errand_throttled values (?, ?, ?, ?, ?)`,
  isThrottled: `select 1 from errand_throttled where rate = ? and queue = ? and rank = ? and place = ?`,
  leaveThrottled: `delete from errand_throttled where rate = ? and queue = ? and rank = ? and place = ?`,
  firstThrottled: `select place, seq from errand_throttled where rate = ? and queue = ? and rank = ? order by place limit 1`,
  putRateLine: `insert into errand_rate_line values (?, ?, ?, ?, ?) on conflict (queue, rank, rate) do update set head = excluded.head, closed = excluded.closed`,
  deleteRateLine: `delete from errand_rate_line where queue = ? and rank = ? and rate = ?`,
  rateLineHead: `select head, closed from errand_rate_line where queue = ? and rank = ? and rate = ?`,
  queuesOfRate: `select distinct l.queue from errand_rate_line l join errand_rate r on r.id = l.rate where r.name = ?`,
  openHead: `select rate, head from errand_rate_line where queue = ? and rank = ? and closed = 0 order by head limit 1`,
  closeLines: `update errand_rate_line set closed = ? where rate = ?`,
  reopenLines: `update errand_rate_line set closed = 0 where closed > 0 and closed <= ?`,
  someTightRates: `select id, lined from errand_rate where tight = 1 and lined > 0 limit 100`,
  someOpenRates: `select rate from (select distinct rate from errand_rate_line where closed = 0 limit 100)
    union select rate from (select distinct j.rate from errand_ready r cross join errand_job j on j.seq = r.seq
    cross join errand_course c on c.seq = r.seq where r.line < 0 and j.rate is not null and c.goes_on = 0 limit 100)`,
  firstReopening: `select min(closed) as due from errand_rate_line where closed > 0`,
  firstMoments:
    `select ${readable('(select min(due) from errand_delayed)')} as due, ${firstExpiry} as expiry` as string,
  nextMoments: `select ${readable('(select min(due) from errand_delayed)')} as due, ${firstExpiry} as expiry,
    (select min(closed) from errand_rate_line where closed > 0 and closed > ?) as reopening,
    (select min(ripe) from errand_group where ripe is not null) as ripe,
    exists (select 1 from errand_rate_line) or exists (select 1 from errand_ready where line < 0) as throttled,
    (select value from errand_meta where key = 'lined') as lined` as string,
  unusual: `select exists (select 1 from errand_rate_line) or exists (select 1 from errand_rate where tight = 1 and lined > 0) as rated, exists (select 1 from errand_ready where line < 0) as suspects,
    exists (select 1 from errand_paused) as paused`,
  anyOpenLine: `select rank from errand_rate_line where queue = ? and closed = 0 limit 1`,

  addEdge: `insert into errand_edge (waiter, position, member, n, runs, open) values (?, ?, ?, ?, ?, ?)`,
  edgeBetween: `select position, open from errand_edge where waiter = ? and member = ?`,
  reopenEdge: `update errand_edge set open = 1, runs = 1 where waiter = ? and position = ?`,
  lastPosition: `select max(position) as position from errand_edge where waiter = ?`,
  anyEdge: `select 1 from errand_edge limit 1`,
  hasWaiter: `select 1 from errand_edge where member = ? limit 1`,
  waitersAfter: `select waiter, n from errand_edge where member = ? and n > ? order by n limit ?`,
  // Of one member those behind an edge, as far as that of this waiter and position.
  closeEdgesUpTo: `update errand_edge set open = 0 where member = ? and n > ? and open = 1
    and n <= (select l.n from errand_edge l where l.waiter = ? and l.position = ?)`,
  closeEdgesTo: `update errand_edge set open = 0 where member in (select value from json_each(?)) and open = 1`,
  closeEdgesOf: `update errand_edge set open = 0 where waiter = ?`,
  deleteEdges: `delete from errand_edge where waiter = ?`,
  // Of a member that was moved nobody here knows whether it has ended.
  reopenEdgesOf: `update errand_edge set open = (exists (select 1 from errand_job j where j.seq = errand_edge.member)
    and not exists (select 1 from errand_final f where f.seq = errand_edge.member))
    or exists (select 1 from errand_departed d where d.seq = errand_edge.member) where waiter = ?`,
  openCount: `select count(*) as n from errand_edge where waiter = ? and open = 1`,
  // The first member whose end forbids the waiter to run.
  cancellingMember: `select j.id from errand_edge e cross join errand_final f on f.seq = e.member cross join errand_job j on j.seq = e.member
    where e.waiter = ? and e.runs = 0 and f.state <> 4 order by e.position limit 1`,
  // A member is needed while one of its waiters is not final.
  neededBy: `select e.waiter from errand_edge e where e.member = ? and not exists (select 1 from errand_final f where f.seq = e.waiter) limit 1`,
  pinnedMembers: `select p.seq from errand_edge e cross join errand_pinned p on p.seq = e.member where e.waiter = ?`,
  addReleasing: `insert into errand_releasing (member, after) select s.value, -1 from json_each(?) s
    where exists (select 1 from errand_edge e where e.member = s.value and e.open = 1) on conflict (member) do update set after = -1`,
  goOnReleasing: `insert into errand_releasing (member, after) values (?1, (select n from errand_edge where waiter = ?2 and position = ?3))
    on conflict (member) do update set after = min(after, excluded.after)`,
  nameReleasing: `update errand_releasing set id = ?, state = ? where member = ?`,
  firstReleasing: `select member, after, id, state from errand_releasing order by member limit ?`,
  deleteReleasing: `delete from errand_releasing where member in (select value from json_each(?))`,
  addReopening: `insert into errand_reopening (member, after) values (?, ?)
    on conflict (member) do update set after = min(after, excluded.after)`,
  isReopening: `select 1 from errand_reopening where member = ?`,
  firstToReopen: `select member, after from errand_reopening order by member limit 1`,
  deleteReopening: `delete from errand_reopening where member = ?`,
} as const

/** Read as arrays: claims are made from these rows by the hundred. */
export const arrayQueries = {
  // In the order of the members that are given, and of each in the order of the edges.
  openEdges: `select s.key, e.waiter, e.position, e.runs, f.state from json_each(?) s cross join errand_edge e indexed by errand_edge_member
    left join errand_final f on f.seq = e.member where e.member = s.value and e.open = 1 limit ?`,
  firstOfLanes: `select l.id, l.slots - l.used, p.rank, p.place, p.seq, iif(j.rate is null and c.seq is null, j.queue, null)
    from json_each(?) s cross join errand_lane l on l.id = s.value left join errand_parked p on p.lane = l.id
    and (p.rank, p.place) = (select q.rank, q.place from errand_parked q where q.lane = l.id order by q.rank, q.place limit 1)
    left join errand_job j on j.seq = p.seq left join errand_course c on c.seq = p.seq`,
  openEdgesAfter: `select 0, e.waiter, e.position, e.runs, f.state from errand_edge e indexed by errand_edge_member
    left join errand_final f on f.seq = e.member where e.member = ? and e.n > ? and e.open = 1 order by e.n limit ?`,
  // Those that are scheduled, which wait for others only until then.
  scheduledWaiters: `select d.seq, (select count(*) from errand_edge e where e.waiter = d.seq and e.open = 1), 0, null
    from json_each(?) s cross join errand_delayed d on d.seq = s.value`,
  blockedWaiters: `select b.seq, b.pending, b.held, iif(b.due is null, b.line, null) from json_each(?) s cross join errand_blocked b on b.seq = s.value`,
  endedMembers:
    `select e.waiter, e.position, ${hexId}, f.state, f.result, f.error from errand_edge e cross join errand_final f on f.seq = e.member
    cross join errand_job j on j.seq = e.member where e.waiter = ? and e.position >= ? order by e.position limit ?` as string,
  // Of each waiter in the order of its members.
  membersTogether: `select e.waiter, e.position, ${hexId}, f.state, f.result, f.error
    from json_each(?) s cross join errand_edge e on e.waiter = s.value cross join errand_final f on f.seq = e.member
    cross join errand_job j on j.seq = e.member limit ?` as string,
  claimable:
    `select ${claimable} from errand_ready r cross join errand_job j on j.seq = r.seq where r.line = ? and r.rank = ? order by r.place limit ?` as string,
  claimableSuspects:
    `select ${claimable} from errand_ready r cross join errand_job j on j.seq = r.seq where r.line = ? order by r.rank, r.place limit ?` as string,
  claimableThrottled:
    `select ${claimable} from (select seq, place, exists (select 1 from errand_course c where c.seq = t.seq) as course
    from errand_throttled t where rate = ? and queue = ? and rank = ? and place = ?) r cross join errand_job j on j.seq = r.seq` as string,
  claimableGathered:
    `select ${claimable} from (select seq, place, exists (select 1 from errand_course c where c.seq = g.seq) as course
    from errand_gathered g where grp = ? and rank = ? and place = ?) r cross join errand_job j on j.seq = r.seq` as string,
  claimedRow: `select ${claimable} from (select k.seq, k.place, c.seq is not null as course
    from errand_claimed k left join errand_course c on c.seq = k.seq where k.seq = ?) r cross join errand_job j on j.seq = r.seq` as string,
} as const
