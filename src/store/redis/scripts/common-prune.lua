-- Deleting what is past its retention, and forgetting what is of no use any more.
--
-- Jobs that ended plainly, light ones too, stand in one list per retention class, in the order in which they ended; the rest
-- in a sorted set by the time until which they are kept. A list's entry whose record is no longer that of a
-- plain end is outdated.
local gone, mostCareful, mostStaying = {}, 150, 25

local function prune(job)
  gone[#gone + 1] = job.id
  E.erase(job)
end

local function pruneKept(limit)
  local ids = call('ZRANGEBYSCORE', K .. 'kept', '-inf', nowText, 'LIMIT', 0, limit)
  E.loadAll(ids)
  local pruned = 0
  for _, id in ipairs(ids) do
    local job = E.load(id)
    if not job or not E.isFinal(job) then
      call('ZREM', K .. 'kept', id)
    elseif E.keptUntil(job) > now then
      call('ZADD', K .. 'kept', text(E.keptUntil(job)), id)
    elseif job.endedNow then
      -- What ended in this very call is left to the next one.
    elseif E.neededByOthers(job) then
      call('ZREM', K .. 'kept', id)
      call('ZADD', K .. 'pinned', call('HINCRBY', K .. 'meta', 'n', 1), id)
      job.f.pi = 1
      E.touch(job)
    else
      prune(job)
      pruned = pruned + 1
    end
  end
  return pruned
end

-- Past their retention and needed by others when last looked at: some of them are looked at again.
function E.prunePinned(limit)
  local pruned, ids = 0, call('ZRANGE', K .. 'pinned', 0, math.min(limit, 100) - 1)
  E.loadAll(ids)
  for _, id in ipairs(ids) do
    local job = E.load(id)
    if not job or not job.f.pi then
      call('ZREM', K .. 'pinned', id)
    elseif E.keptUntil(job) <= now and not E.neededByOthers(job) then
      prune(job)
      pruned = pruned + 1
    else
      call('ZADD', K .. 'pinned', call('HINCRBY', K .. 'meta', 'n', 1), id)
    end
  end
  return pruned
end

-- Until when the end of a plain job or of a step is kept, and of what kind it is; nothing for any other record.
local function plainEnd(raw, run)
  local ending = byte(raw, 31) ~= 43 and E.endingIn(run)
  if not ending then return nil end
  local kind = kindOf(sub(raw, 32, find(raw, '\n', 32, true) - 1))
  return tonumber(sub(ending, 15, 27)) + kind.succeeded * 60000, kind
end

local function pruneClass(class, limit)
  local key = K .. 'class:' .. class
  local erased, stay, seen, tails = {}, {}, {}, {}
  local function look(id, raw, run)
    local till, kind
    if raw and not seen[id] and not E.jobs[id] then till, kind = plainEnd(raw, run) end
    if till and till > now then
      stay[#stay + 1] = id
    elseif till and not isStep(raw) then
      erased[#erased + 1], gone[#gone + 1], seen[id] = id, id, true
      count(kind.queue, 's', -1)
      if isLight(raw) then tails[#tails + 1] = tailOf(raw) end
    elseif raw and not seen[id] then
      -- It is a step, which others may need, or has become more than a plain end since.
      local job = E.load(id)
      if job and E.isFinal(job) and not job.f.pi and not job.f.lv then call('ZADD', K .. 'kept', 'NX', text(E.keptUntil(job)), id) end
    end
  end
  local looked = 0
  while #erased < limit and looked < limit and #stay < mostStaying do
    local ids = popIds(key, math.min(limit - looked, looked == 0 and mostStaying or limit))
    if #ids == 0 then break end
    looked = looked + #ids
    local raws, runs = drawers.readBoth(ids)
    for index, id in ipairs(ids) do look(id, raws[index], runs[index]) end
  end
  drawers.forget('jobs', erased)
  drawers.forget('running', erased)
  unname(tails)
  pushBack(key, stay)
  if call('EXISTS', key) == 0 then call('HDEL', K .. 'classes', class) end
  return #erased
end

function E.prune(limit)
  local pruned = 0
  for _, class in ipairs(call('HKEYS', K .. 'classes')) do
    if pruned < limit then pruned = pruned + pruneClass(class, limit - pruned) end
  end
  if pruned < limit then
    local most = math.min(limit - pruned, mostCareful)
    local careful = pruneKept(most)
    pruned = pruned + careful
    E.moreToPrune = careful >= most
  end
  rememberGone(gone)
  return pruned
end

local function forgetKeys()
  for _, name in ipairs(call('ZRANGEBYSCORE', K .. 'keys', '-inf', nowText, 'LIMIT', 0, 200)) do
    local raw = call('HGET', K .. 'unique', name)
    local till = raw and sub(raw, 1, find(raw, '\n', 1, true) - 1)
    if raw and till ~= '' and tonumber(till) <= now then call('HDEL', K .. 'unique', name) end
    call('ZREM', K .. 'keys', name)
  end
end

local function numberOfJobs()
  local number, flat = 0, call('HGETALL', K .. 'counts')
  for index = 2, #flat, 2 do number = number + tonumber(flat[index]) end
  return number
end

-- The head of the order of insertion: what is gone is dropped, what lives long stands apart.
local function trimOrder()
  if tonumber(call('HGET', K .. 'meta', 'w') or '0') <= 2 * numberOfJobs() + 64 then return end
  local ids, positions = E.popOrder(500)
  for index, raw in ipairs(drawers.read('jobs', ids)) do
    if raw then call('ZADD', K .. 'old', positions[index], ids[index]) end
  end
end

function E.forget()
  forgetKeys()
  E.forgetRates()
  trimOrder()
  E.forgetMoves()
  for _, minute in ipairs(call('ZRANGEBYSCORE', K .. 'minutes', '-inf', text(now / 60000 - 14 * 1440), 'LIMIT', 0, 20)) do
    call('DEL', K .. 'minute:' .. minute)
    call('ZREM', K .. 'minutes', minute)
  end
  local listeners = call('HGETALL', K .. 'listeners')
  for index = 1, #listeners, 2 do
    if tonumber(listeners[index + 1]) <= mono then call('HDEL', K .. 'listeners', listeners[index]) end
  end
end
