-- Claiming from lines that have more to them than plain arrivals.
local mostDropped = 1000

-- Takes a job that has more to it than a plain one. True if it was claimed.
function E.takeCareful(job, turn)
  job.out = true
  if E.isOverdue(job) then
    E.expire(job)
    turn.expired = turn.expired + 1
    return false
  end
  E.recordStart(job, turn.claim)
  if job.f.r then
    if call('HINCRBY', K .. 'standing', job.f.r, -1) <= 0 then call('HDEL', K .. 'standing', job.f.r) end
  end
  if E.isSuspect(job) then call('SADD', K .. 'suspected:' .. turn.life, job.id) end
  E.startRun(job, turn, job.f.g and job.id)
  return true
end

-- `leader`: of the group with which it is claimed.
function E.startRun(job, turn, leader)
  E.suspendExpiry(job)
  E.freeKeyAtClaim(job)
  -- The record stays as it is: that the job runs stands in `running` alone.
  E.count(job.queue, 'r', -1)
  E.count(job.queue, 'u', 1)
  job.state, job.claim, job.careful, job.leader = 'u', turn.claim, true, leader
  E.running[job.id] = turn.claim .. '!' .. (leader or '')
  E.tell('started', job)
end

-- Lets at least the first `number` ids of a list stand alone.
local function unfoldHead(line, number)
  local entries, ids, part = {}, 0, nil
  repeat
    part = call('LRANGE', line, #entries, #entries + 39)
    for _, entry in ipairs(part) do entries[#entries + 1] = entry end
    ids = unfolded(entries)
  until #part == 0 or #ids >= number
  if #ids == #entries then return end
  call('LPOP', line, #entries)
  local reversed = {}
  for index = #ids, 1, -1 do reversed[#reversed + 1] = alone(ids[index]) end
  inPieces(reversed, 1, function(...) call('LPUSH', line, ...) end)
end

-- The first `number` of a list that are not dead, as pairs of number and id; and how many entries they span.
local function headOf(line, tomb, number)
  local found, skipped, from = {}, {}, 0
  local dead = call('EXISTS', tomb) == 1
  unfoldHead(line, dead and mostDropped + number or number)
  while #found < number and from < mostDropped do
    local ids = unfolded(call('LRANGE', line, from, from + number - 1))
    if #ids == 0 then break end
    local times, raws = dead and readAll(tomb, ids) or {}, readAll(K .. 'jobs', ids)
    for index, id in ipairs(ids) do
      local left = tonumber(times[index] or nil) or 0
      if left > (skipped[id] or 0) then
        skipped[id] = (skipped[id] or 0) + 1
      elseif #found < number then
        found[#found + 1] = { place = tonumber(E.jobs[id] and E.jobs[id].place or sub(raws[index], 15, 29)), id = id, at = from + index, raw = raws[index] }
      end
    end
    from = from + #ids
  end
  return found, from
end

-- Entries of `line` up to `last` are gone; the dead among them need no more skipping.
local function dropHead(line, tomb, last, taken)
  if last == 0 then return end
  local ids = unfolded(call('LPOP', line, last))
  if call('EXISTS', tomb) == 0 then return end
  for _, id in ipairs(ids) do
    if not taken[id] then
      if call('HINCRBY', tomb, id, -1) <= 0 then call('HDEL', tomb, id) end
    else
      taken[id] = nil
    end
  end
end

local function addSorted(heads, key, number, rate)
  local raw = call('ZRANGE', key, 0, number - 1, 'WITHSCORES')
  for index = 1, #raw, 2 do
    heads[#heads + 1] = { id = raw[index], place = tonumber(raw[index + 1]), key = key, rate = rate }
  end
end

local function ratedHeads(heads, queue, rank, number, tokens)
  local index = K .. 'rates:' .. rank .. ':' .. queue
  for _, rate in ipairs(call('SMEMBERS', index)) do
    local key = K .. 'rated:' .. rank .. ':' .. queue .. '\n' .. rate
    if call('EXISTS', key) == 0 then
      call('SREM', index, rate)
    else
      tokens[rate] = E.freeTokens(rate)
      if tokens[rate] > 0 then addSorted(heads, key, math.min(number, tokens[rate]), rate) end
    end
  end
end

-- The first `number` of the list, of what came back to it and of what has a rate with a token, by number.
local function choose(turn, queue, rank, number)
  local spot = rank .. ':' .. queue
  local heads, tokens, chosen = {}, {}, {}
  local found, span = headOf(K .. 'line:' .. spot, K .. 'tomb:' .. spot, number)
  turn.dropped = turn.dropped or span >= mostDropped
  for _, each in ipairs(found) do heads[#heads + 1] = each end
  addSorted(heads, K .. 'back:' .. spot, number)
  ratedHeads(heads, queue, rank, number, tokens)
  table.sort(heads, function(a, b) return a.place < b.place end)
  for _, head in ipairs(heads) do
    if #chosen >= number then break end
    if not head.rate or tokens[head.rate] > 0 then
      chosen[#chosen + 1] = head
      -- One that has expired needs no token: then another look finds it free.
      if head.rate then tokens[head.rate] = tokens[head.rate] - 1 end
    end
  end
  return chosen, found, span
end

-- Reads them, up to the first that has expired or leads a group: either may let another one in before the rest.
local function readChosen(chosen)
  local ids, raws, missing = {}, {}, {}
  for _, head in ipairs(chosen) do
    if not head.raw then missing[#missing + 1] = head.id end
  end
  local read, at = readAll(K .. 'jobs', missing), 0
  for index, head in ipairs(chosen) do
    if not head.raw then
      at = at + 1
      head.raw = read[at]
    end
    ids[index], raws[index] = head.id, head.raw
    if E.jobs[head.id] or byte(head.raw, 31) == 43 then
      E.adopt(head.id, head.raw)
      local job = E.load(head.id)
      if E.isOverdue(job) or job.f.g then break end
    end
  end
  return ids, raws
end

function E.takeMerged(turn, queue, rank, till)
  local line, tomb = K .. 'line:' .. rank .. ':' .. queue, K .. 'tomb:' .. rank .. ':' .. queue
  while roomLeft(turn, till) > 0 do
    local number, before, groups = math.min(roomLeft(turn, till), mostCareful), turn.expired, turn.groups
    local chosen, found, span = choose(turn, queue, rank, number)
    local ids, raws = readChosen(chosen)
    local gone, last, listed = {}, 0, {}
    for index = 1, #ids do
      local head = chosen[index]
      if head.at then
        last, listed[head.id] = head.at, true
      else
        gone[head.key] = gone[head.key] or {}
        table.insert(gone[head.key], head.id)
      end
    end
    -- Dead ones behind the last good one go with it.
    if #found < number and last == (#found > 0 and found[#found].at or 0) then last = span end
    dropHead(line, tomb, last, listed)
    for key, members in pairs(gone) do call('ZREM', key, unpack(members)) end
    for index, id in ipairs(ids) do take(turn, { id }, { raws[index] }, queue) end
    if #ids == 0 or (#ids < number and turn.expired == before and turn.groups == groups) then return end
  end
end

-- A job that may be what kills its workers is held one at a time, so that it convicts itself alone.
function E.takeSuspect(turn, queues)
  for _, queue in ipairs(queues) do
    if call('EXISTS', K .. 'suspects:' .. queue) == 1 then
      if call('SCARD', K .. 'suspected:' .. turn.life) > 0 then return end
      for _, id in ipairs(call('ZRANGE', K .. 'suspects:' .. queue, 0, 199)) do
        local job = E.load(id)
        if not job.f.r or E.freeTokens(job.f.r) > 0 then
          call('ZREM', K .. 'suspects:' .. queue, id)
          -- A suspect has started before and can no longer expire.
          E.takeCareful(job, turn)
          turn.ids[#turn.ids + 1], turn.found[#turn.found + 1] = id, job
          return
        end
      end
    end
  end
end

function E.clearOdd(queue)
  local keys = { K .. 'suspects:' .. queue }
  for rank = 0, 3 do
    for _, kind in ipairs({ 'back:', 'tomb:', 'rates:' }) do keys[#keys + 1] = K .. kind .. rank .. ':' .. queue end
  end
  if call('EXISTS', unpack(keys)) == 0 then
    call('HDEL', K .. 'queues', 'o' .. queue)
    E.madeOdd[queue] = nil
  end
end

