-- Lanes that gather: their jobs stand parked until enough of them do, or one has waited long enough. Then the first of them
-- stands in the ready line for all, as their leader, and whoever claims it is handed the others too.
--
-- A group is one lane in one queue, and is named by both. A suspect stands alone, so that it convicts itself alone.
--   groups         group -> size and how long one waits; gathers:<lane>: queues in which it has groups
--   group:<group>  parked jobs in the order of the lane; since:<group>: the same by the time from which they wait
--   leaders        group -> the job that stands in the line for it
--   ripe           groups without a leader, by the time when they will have one
-- A group has no more than one call may settle later: `jobsPerCall` of the store's limits.
local mostJobs, mostBytes, longAgo = 200, 1048576, 0

local function groupOf(job) return job.f.g .. '\n' .. job.queue end

local function sizeOf(group)
  local size, waitMs = string.match(call('HGET', K .. 'groups', group) or '1 0', '^(%S+) (%S+)')
  return math.min(tonumber(size), mostJobs), tonumber(waitMs)
end

function E.gathers(job) return job.f.g and not E.isSuspect(job) end
function E.groupShown(job) return call('HGET', K .. 'groups', groupOf(job)) or '' end
function E.isParked(job) return job.f.g and call('ZSCORE', K .. 'group:' .. groupOf(job), job.id) and true or false end

local function isLeader(job) return call('HGET', K .. 'leaders', groupOf(job)) == job.id end

-- In the order of the lane, wherever it stood in it before.
local function park(job) call('ZADD', K .. 'group:' .. groupOf(job), E.scoreInLane(job), job.id) end

local function unpark(group, id)
  call('ZREM', K .. 'group:' .. group, id)
  call('ZREM', K .. 'since:' .. group, id)
end

-- Sends out a leader if it is time and none stands in the line.
local function look(group)
  local parked, first = call('ZCARD', K .. 'group:' .. group), nil
  if parked == 0 or call('HEXISTS', K .. 'leaders', group) == 1 then return call('ZREM', K .. 'ripe', group) end
  local size, waitMs = sizeOf(group)
  local ripeAt = tonumber(call('ZRANGE', K .. 'since:' .. group, 0, 0, 'WITHSCORES')[2]) + waitMs
  if parked < size and ripeAt > now then return call('ZADD', K .. 'ripe', text(ripeAt), group) end
  first = call('ZRANGE', K .. 'group:' .. group, 0, 0)[1]
  unpark(group, first)
  call('HSET', K .. 'leaders', group, first)
  call('ZREM', K .. 'ripe', group)
  E.stand(E.load(first))
end

function E.lookAnew(job) look(groupOf(job)) end

-- What time has made ripe.
function E.ripen()
  for _, group in ipairs(call('ZRANGEBYSCORE', K .. 'ripe', '-inf', nowText, 'LIMIT', 0, 100)) do look(group) end
end

local function gather(job, since)
  local group = groupOf(job)
  park(job)
  call('ZADD', K .. 'since:' .. group, text(since), job.id)
  -- Whoever sleeps must hear when it will be time.
  if call('ZCARD', K .. 'group:' .. group) == 1 and call('HEXISTS', K .. 'leaders', group) == 0 then E.arrive(job.queue) end
  look(group)
end

function E.gather(job) gather(job, now) end

-- One that was given back or rescued has waited long enough.
function E.gatherAgain(job) gather(job, longAgo) end

-- Takes it out of its lane, or out of the line where it leads or stands alone; the lane looks anew later.
function E.leaveGroup(job)
  local group = groupOf(job)
  if E.isParked(job) then return unpark(group, job.id) end
  if isLeader(job) then call('HDEL', K .. 'leaders', group) end
  E.unstand(job)
end

-- After its rank or place has changed it stays on its side of the lane.
function E.moveInGroup(job, change)
  if E.isParked(job) then
    change()
    return park(job)
  end
  E.unstand(job)
  change()
  E.stand(job)
end

-- What an inserted job brings: the value given last holds.
local function writeGroup(job, value)
  if call('HSET', K .. 'groups', groupOf(job), value) == 1 then
    call('SADD', K .. 'gathers:' .. job.f.g, job.queue)
    call('ZADD', K .. 'limits', 0, job.f.g)
  end
end

function E.setGroup(job, size, waitMs)
  local value = text(size) .. ' ' .. text(waitMs)
  if call('HGET', K .. 'groups', groupOf(job)) == value then return end
  writeGroup(job, value)
  E.lookAnew(job)
end

function E.knowGroup(job, size, waitMs)
  if call('HEXISTS', K .. 'groups', groupOf(job)) == 0 then writeGroup(job, text(size) .. ' ' .. text(waitMs)) end
end

-- Those that go along with a leader that was claimed; the whole group takes one token of its rate.
function E.claimMembers(leader, turn)
  local group, members, bytes = groupOf(leader), {}, 0
  if not isLeader(leader) then return members end
  local size = sizeOf(group)
  while #members < size - 1 and bytes < mostBytes do
    local ids = call('ZRANGE', K .. 'group:' .. group, 0, size - 2 - #members)
    if #ids == 0 then break end
    E.loadAll(ids)
    for _, id in ipairs(ids) do
      local job = E.load(id)
      if E.isOverdue(job) then
        E.expire(job)
        turn.expired = turn.expired + 1
        -- Its end may have brought others before the rest.
        break
      end
      unpark(group, id)
      E.startRun(job, turn, leader.id)
      members[#members + 1], bytes = job, bytes + #E.record(job)
      if bytes >= mostBytes then break end
    end
  end
  call('HDEL', K .. 'leaders', group)
  look(group)
  return members
end
