-- Counters, statistics, arrivals and ends: gathered over the call and written once.
local counts, arrived, tallies, ended, kept = {}, {}, {}, {}, {}

local function count(queue, state, number)
  local field = state .. queue
  counts[field] = (counts[field] or 0) + number
end

local function tally(task, outcome, ranMs, number)
  local row = tallies[outcome .. task]
  if not row then
    row = { 0, 0 }
    tallies[outcome .. task] = row
  end
  row[1], row[2] = row[1] + (number or 1), row[2] + ranMs
end

local function writeTallies()
  if next(tallies) == nil then return end
  local minute = text(math.floor(now / 60000))
  local key = K .. 'minute:' .. minute
  for name, row in pairs(tallies) do
    if call('HINCRBY', key, 'n' .. name, row[1]) == row[1] then call('ZADD', K .. 'minutes', minute, minute) end
    call('HINCRBY', key, 'r' .. name, text(row[2]))
  end
end

local function writeArrivals()
  if next(arrived) == nil then return end
  local stamp = call('HINCRBY', K .. 'meta', 'n', 1)
  for queue in pairs(arrived) do
    call('HSET', K .. 'queues', 'a' .. queue, stamp)
    if call('EXISTS', K .. 'park:' .. queue) == 1 then wake(queue) end
  end
end

-- Those who wait for the end of one of these jobs, in any process, are told its id.
local function tellEnded()
  if #ended == 0 or call('EXISTS', K .. 'watch') == 0 then return end
  local watchers = readAll(K .. 'watch', ended)
  for index, id in ipairs(ended) do
    if watchers[index] then
      call('HDEL', K .. 'watch', id)
      for handle in string.gmatch(watchers[index], '%S+') do call('PUBLISH', K .. 'to:' .. handle, 'f' .. id) end
    end
  end
end

-- Whose claim it is, since when, and of what kind its plain jobs are, unless `running` says another; false where
-- nothing is left of it.
local claims = {}
local function claimOf(claim)
  local known = claims[claim]
  if known == nil then
    local raw = call('HGET', K .. 'claims', claim)
    if raw then
      local one = find(raw, '\n', 1, true)
      known = { life = sub(raw, 1, one - 1), at = sub(raw, one + 1, one + 13), kind = sub(raw, one + 15) }
    else
      known = false
    end
    claims[claim] = known
  end
  return known
end

-- Jobs that run no more, by claim.
local left = {}
local function unclaim(claim, number) left[claim] = (left[claim] or 0) + number end

local function writeLeft(claim, number)
  if call('HINCRBY', K .. 'left', claim, -number) > 0 then return end
  local known = claimOf(claim)
  call('HDEL', K .. 'left', claim)
  call('HDEL', K .. 'claims', claim, claim .. 'i', claim .. 'm')
  if known then call('SREM', K .. 'held:' .. known.life, claim) end
end

local function flushCounts()
  for field, number in pairs(counts) do
    if number ~= 0 then call('HINCRBY', K .. 'counts', field, number) end
  end
  for claim, number in pairs(left) do writeLeft(claim, number) end
  local scores = {}
  for id, till in pairs(kept) do
    scores[#scores + 1] = till
    scores[#scores + 1] = id
  end
  inPieces(scores, 2, function(...) call('ZADD', K .. 'kept', ...) end)
  writeArrivals()
  writeTallies()
  tellEnded()
  publishEvents()
  counts, arrived, tallies, ended, kept, left = {}, {}, {}, {}, {}, {}
end
