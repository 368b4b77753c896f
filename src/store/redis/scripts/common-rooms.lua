-- Claiming: which ready jobs a worker gets. A line of plain arrivals is taken from its head as it is.
-- Jobs that are not plain cost some ten times as much: one turn claims no more than so many of them.
local mostCareful, firstLook = 60, 50
-- Nor does it go past more that may not be claimed.
local mostPassed = 1000
-- Nor does it hand over the ends of more members; those that a step's record names do not count.
local mostHandedOver = 500
-- A group counts as its leader alone.
local function taken(turn) return #turn.ids - turn.beyond end
local function roomLeft(turn, till)
  local room = till - taken(turn)
  if turn.passed >= mostPassed or turn.members >= mostHandedOver then return 0 end
  if turn.careful == 0 then return room end
  return math.min(room, mostCareful - turn.careful)
end

local function addMembers(turn, leader, at)
  local members = E.claimMembers(leader, turn)
  for index, member in ipairs(members) do turn.ids[at + index], turn.found[at + index] = member.id, member end
  turn.careful, turn.beyond, turn.groups = turn.careful + #members, turn.beyond + #members, turn.groups + 1
  return at + #members
end

-- Those without a token for their rate, until they are put aside.
local function pass(turn, rate, spot, place, id)
  turn.passed = turn.passed + 1
  rate.out = rate.out - 1
  putAside(rate, spot, { place, id })
end

-- Of light jobs, all they name at once.
local function readTails(turn, ids, raws)
  local tails, names = turn.tails, {}
  for index, raw in ipairs(raws) do
    if raw and isLight(raw) then
      local tail = tailOf(raw)
      tails[ids[index]] = tail
      names[#names + 1] = rateIn(tail)
    end
  end
  if #names > 0 then readRates(names) end
end

-- True if it has no rate, or has taken a token of it.
local function mayStart(turn, tail, id, raw, queue)
  local name = rateIn(tail)
  if not name then return true end
  if not hasToken(rates[name]) then
    pass(turn, rates[name], sub(raw, 30, 30) .. ':' .. queue, sub(raw, 15, 29), id)
    return false
  end
  rates[name].out = rates[name].out - 1
  takeToken(rates[name], turn.claim, id)
  return true
end

local function started(queue, number)
  count(queue, 'r', -number)
  count(queue, 'u', number)
end

-- True if all of them are plain, which takes no more than to write them down.
local function takePlain(turn, ids, raws, queue)
  local at, allIds, found = #turn.ids, turn.ids, turn.found
  if E or listened then return false end
  for index = 1, #ids do
    if byte(raws[index] or '', 31) ~= 45 then return false end
  end
  for index = 1, #ids do allIds[at + index], found[at + index] = ids[index], raws[index] end
  turn.alike = turn.alike + #ids
  drawers.note(allIds, drawers.ofAll[ids] or false)
  started(queue, #ids)
  return true
end

-- Of a step that waits for more than its record names.
local function numberOfMembers(raw)
  local tail = find(raw, '\n', find(raw, '\n', 43, true) + 1, true) + 1
  return byte(raw, tail) == 35 and tonumber(string.match(raw, '^%d+', tail + 1)) or 0
end

-- Answers how many it looked at: an expiry or a group may let another job in before the rest.
local function take(turn, ids, raws, queue)
  if takePlain(turn, ids, raws, queue) then return #ids end
  local plain, at, looked = 0, #turn.ids, 0
  readTails(turn, ids, raws)
  for index = 1, #ids do
    local id, raw = ids[index], raws[index]
    local light = turn.tails[id]
    looked = index
    if light and not (E and E.jobs[id]) and not mayStart(turn, light, id, raw, queue) then
      -- It stands aside now.
    elseif not (E and E.jobs[id]) and byte(raw, 31) ~= 43 and not (listened and isStep(raw)) then
      at, plain = at + 1, plain + 1
      turn.ids[at], turn.found[at] = id, raw
      if isStep(raw) then turn.members = turn.members + numberOfMembers(raw) end
      if listened then tellPlainly('started', id, raw, 'u', 1) end
    else
      turn.careful = turn.careful + 1
      engine(ARGV[5])
      E.adopt(id, raw)
      local job = E.load(id)
      local rate = E.rateOf(job)
      if rate and not hasToken(rate) then
        pass(turn, rate, job.rank .. ':' .. queue, job.place, id)
      elseif E.takeCareful(job, turn) then
        at = at + 1
        turn.ids[at], turn.found[at] = id, job
        turn.members = turn.members + (job.f.w or 0)
        if job.f.g then at = addMembers(turn, job, at) end
      end
      if job.state ~= 'u' then openLooked() end
      if (job.f.g or job.state ~= 'u') and madeOdd[queue] then break end
    end
    if turn.members >= mostHandedOver then break end
  end
  if plain > 0 then started(queue, plain) end
  return looked
end

local function isOdd(turn, queue) return turn.queues[queue][2] or madeOdd[queue] end

local function takeLine(turn, queue, rank, till)
  local line = K .. 'line:' .. rank .. ':' .. queue
  local look = firstLook
  while roomLeft(turn, till) > 0 do
    local wanted = math.min(look, roomLeft(turn, till))
    local ids = popIds(line, wanted)
    look = till
    if #ids == 0 then return end
    local looked = take(turn, ids, drawers.read('jobs', ids), queue)
    if looked < #ids then pushBack(line, { unpack(ids, looked + 1) }) end
    if isOdd(turn, queue) or (#ids < wanted and not E) then return end
  end
end

local function placeOf(id, raw)
  local job = E and E.jobs[id]
  if job then return tonumber(job.place) end
  -- A step that has been blocked has a newer one than its record.
  local run = isStep(raw) and drawers.get('running', id)
  return tonumber(run and sub(run, 2, 16) or sub(raw, 15, 29))
end

local function firstPlaceIn(line)
  local id = unfolded(call('LRANGE', line, 0, 0))[1]
  return id and placeOf(id, drawers.get('jobs', id))
end

-- The first of what came back, by place.
local function popBack(back, number)
  local popped, ids, places = call('ZPOPMIN', back, number), {}, {}
  for at = 1, #popped, 2 do ids[#ids + 1], places[#places + 1] = popped[at], tonumber(popped[at + 1]) end
  return { ids = ids, places = places, raws = drawers.read('jobs', ids), at = 0 }
end

-- Those that have left the middle of a list are still in it, as often as `tomb` says.
local function withoutDead(turn, spot, ids)
  local alive, skipped, tomb = {}, {}, K .. 'tomb:' .. spot
  for index, times in ipairs(readAll(tomb, ids)) do
    local id = ids[index]
    if (tonumber(times or nil) or 0) > (skipped[id] or 0) then
      skipped[id] = (skipped[id] or 0) + 1
      turn.passed = turn.passed + 1
    else
      alive[#alive + 1] = id
    end
  end
  for id, number in pairs(skipped) do
    if call('HINCRBY', tomb, id, -number) <= 0 then call('HDEL', tomb, id) end
  end
  return alive
end

local function popAlive(turn, spot, number)
  local alive = {}
  repeat
    local ids = popIds(K .. 'line:' .. spot, number - #alive)
    for _, id in ipairs(withoutDead(turn, spot, ids)) do alive[#alive + 1] = id end
  until #ids == 0 or #alive >= number or turn.passed >= mostPassed
  return alive
end

local function popLine(turn, spot, number, dead)
  local ids, places = dead and popAlive(turn, spot, number) or popIds(K .. 'line:' .. spot, number), {}
  local raws = drawers.read('jobs', ids)
  for index, id in ipairs(ids) do places[index] = placeOf(id, raws[index]) end
  return { ids = ids, places = places, raws = raws, at = 0 }
end

-- The first of two runs, and of which each is.
local function merge(one, other, number)
  local ids, raws, origins = {}, {}, {}
  local i, j = 1, 1
  for at = 1, math.min(number, #one.ids + #other.ids) do
    local first = (one.places[i] or math.huge) < (other.places[j] or math.huge)
    local run, index = first and one or other, first and i or j
    ids[at], raws[at], origins[at] = run.ids[index], run.raws[index], run
    if first then i = i + 1 else j = j + 1 end
  end
  return ids, raws, origins
end

local function returnRest(back, line, came, arrived)
  local scores = {}
  for index = came.at + 1, #came.ids do scores[#scores + 1], scores[#scores + 2] = text(came.places[index]), came.ids[index] end
  inPieces(scores, 2, function(...) call('ZADD', back, ...) end)
  if arrived.at < #arrived.ids then pushBack(line, { unpack(arrived.ids, arrived.at + 1) }) end
end

-- From a list of arrivals and from what came back to it with an older place.
local function takeMixed(turn, queue, rank, till)
  local spot, look, none = rank .. ':' .. queue, firstLook, { ids = {}, places = {}, at = 0 }
  local line, back = K .. 'line:' .. spot, K .. 'back:' .. spot
  while roomLeft(turn, till) > 0 do
    local dead = call('EXISTS', K .. 'tomb:' .. spot) == 1
    local room = math.min(look, roomLeft(turn, till))
    look = till
    local came, arrived = popBack(back, room), none
    if #came.ids < room or dead or (firstPlaceIn(line) or math.huge) < came.places[room] then
      arrived = popLine(turn, spot, room, dead)
    end
    -- Behind so many dead ones there may be some that are older than what came back.
    if turn.passed >= mostPassed then return returnRest(back, line, came, arrived) end
    local ids, raws, origins = merge(came, arrived, room)
    if #ids == 0 then return end
    for index = 1, take(turn, ids, raws, queue) do origins[index].at = origins[index].at + 1 end
    if #came.ids + #arrived.ids > came.at + arrived.at then returnRest(back, line, came, arrived) end
  end
end

local function takeFrom(turn, queue, rank, till)
  if roomLeft(turn, till) <= 0 then return end
  if not isOdd(turn, queue) then takeLine(turn, queue, rank, till) end
  if isOdd(turn, queue) then takeMixed(turn, queue, rank, till) end
end

local function hasSuspects(queues)
  for _, queue in ipairs(queues) do
    if call('EXISTS', K .. 'suspects:' .. queue) == 1 then return true end
  end
end

local function clearOdd(queue)
  local keys = { K .. 'suspects:' .. queue }
  for rank = 0, 3 do
    for _, kind in ipairs({ 'back:', 'tomb:' }) do keys[#keys + 1] = K .. kind .. rank .. ':' .. queue end
  end
  if call('EXISTS', unpack(keys)) == 0 then
    call('HDEL', K .. 'queues', 'o' .. queue)
    madeOdd[queue] = nil
  end
end

-- True if there may be more to claim for this room.
local function claimFor(turn, queues, jobs, bottomUp)
  if jobs <= 0 then return false end
  local open, odd = {}, {}
  for _, queue in ipairs(queues) do
    local known = turn.queues[queue]
    if not known then
      known = call('HMGET', K .. 'queues', 'p' .. queue, 'o' .. queue)
      turn.queues[queue] = known
    end
    if not known[1] then open[#open + 1] = queue end
    if not known[1] and isOdd(turn, queue) then odd[#odd + 1] = queue end
  end
  local till, before, groups = taken(turn) + jobs, turn.expired, turn.groups
  if hasSuspects(odd) then
    engine(ARGV[5])
    E.takeSuspect(turn, odd)
  end
  for _, queue in ipairs(open) do
    for rank = 0, 3 do takeFrom(turn, queue, rank, till - bottomUp) end
  end
  -- Where that was not enough there is nothing left, but for what an expiry or a group has added.
  if (bottomUp > 0 and taken(turn) >= till - bottomUp) or turn.expired > before or turn.groups > groups then
    for _, queue in ipairs(open) do
      for rank = 3, 0, -1 do takeFrom(turn, queue, rank, till) end
    end
  end
  for _, queue in ipairs(odd) do clearOdd(queue) end
  return taken(turn) >= till or turn.careful >= mostCareful or turn.passed >= mostPassed or turn.members >= mostHandedOver
end
