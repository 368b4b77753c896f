-- Lanes: what a call learns of them is read at once for all it meets, and written at its end.
--   lanes   name -> slots, how many of them are taken, how many jobs are parked, how many name it, how many of these are not
--           final, and 1 where the slots were set by hand; packed, since reading text costs twice as much
local laneFormat = '<dI4I4I4I4B'
local lanes, changedLanes, mostAdmitted = {}, {}, 200

local function keepLane(name, raw)
  local lane = { name = name, taken = 0, parked = 0, named = 0, unfinished = 0, pinned = false }
  if raw then
    local pinned
    lane.slots, lane.taken, lane.parked, lane.named, lane.unfinished, pinned = struct.unpack(laneFormat, raw)
    lane.pinned = pinned == 1
  end
  lanes[name] = lane
  return lane
end

local function laneNamed(name) return lanes[name] or keepLane(name, call('HGET', K .. 'lanes', name)) end

-- So that none of them has to be read by itself.
local function readLanes(names)
  local missing = {}
  for _, name in ipairs(names) do
    if lanes[name] == nil then
      missing[#missing + 1] = name
      lanes[name] = false
    end
  end
  for index, raw in ipairs(readAll(K .. 'lanes', missing)) do keepLane(missing[index], raw) end
end

local function changed(lane)
  changedLanes[lane.name] = lane
  return lane
end

-- Those that a lane lets out while it has free slots, in its order. Where more could go at once, their ends let them out.
local function admitted(lane)
  local number = math.min((lane.slots or 0) - lane.taken, lane.parked, mostAdmitted)
  if number <= 0 then return {} end
  local popped, ids = call('ZPOPMIN', K .. 'lane:' .. lane.name, number), {}
  for index = 1, #popped, 2 do ids[#ids + 1] = popped[index] end
  lane.taken, lane.parked = lane.taken + #ids, lane.parked - #ids
  changed(lane)
  return ids
end

-- A light record names in its tail a lane (`l`, or `o` where it is ordered), a rate (`r`), or both (`b`, or `q` where the lane is
-- ordered): then the length of the lane's name stands before them.
local function isLight(raw) return byte(raw, 31) == 61 end
local function namesIn(tail)
  local letter = sub(tail, 1, 1)
  if letter == 'l' or letter == 'o' then return sub(tail, 2) end
  if letter == 'r' then return nil, sub(tail, 2) end
  local colon = find(tail, ':', 1, true)
  local last = colon + tonumber(sub(tail, 2, colon - 1))
  return sub(tail, colon + 1, last), sub(tail, last + 1)
end
local function rateIn(tail)
  local letter = byte(tail)
  if letter == 108 or letter == 111 then return nil end
  local _, rate = namesIn(tail)
  return rate
end
local function allNamesIn(tails)
  local laneNames, rateNames = {}, {}
  for _, tail in ipairs(tails) do
    local lane, rate = namesIn(tail)
    laneNames[#laneNames + 1], rateNames[#rateNames + 1] = lane, rate
  end
  readLanes(laneNames)
  readRates(rateNames)
  return laneNames, rateNames
end
local function tailOf(raw)
  local two = find(raw, '\n', 43, true)
  return sub(raw, find(raw, '\n', two + 1, true) + 1)
end

-- The place of the last in a list of arrivals, and none newer where its record does not tell.
local function lastPlaceIn(line)
  local ids = unfolded(call('LRANGE', line, -1, -1))
  local id = ids[#ids]
  if not id then return '' end
  local job = E and E.jobs[id]
  if job then return job.place end
  local raw = drawers.get('jobs', id)
  return raw and byte(raw, 31) ~= 42 and sub(raw, 15, 29) or '999999999999999'
end

local function spotOf(spots, raw, follow)
  local queue = kindOf(sub(raw, 32, 41)).queue
  local name = sub(raw, 30, 30) .. ':' .. queue
  if not spots[name] then
    local last = follow and lastPlaceIn(K .. 'line:' .. name) or '999999999999999'
    spots[name] = { queue = queue, last = last, ids = {}, scores = {} }
  end
  return spots[name]
end

-- Puts jobs that have left their lanes where their places are. Those that `follow` the last of a list may stand behind it:
-- mostly all do, and so cost no more than arrivals.
local function letOut(ids, follow)
  local raws, spots, others = drawers.read('jobs', ids), {}, {}
  for index, id in ipairs(ids) do
    local raw = raws[index]
    if not (E and E.jobs[id]) and isLight(raw) then
      local spot, place = spotOf(spots, raw, follow), sub(raw, 15, 29)
      if place > spot.last then
        spot.last, spot.ids[#spot.ids + 1] = place, id
      else
        spot.scores[#spot.scores + 1], spot.scores[#spot.scores + 2] = place, id
      end
      local rate = rateIn(tailOf(raw))
      if rate then changedRate(rateNamed(rate)).out = rates[rate].out + 1 end
    else
      others[#others + 1] = index
    end
  end
  for name, spot in pairs(spots) do
    arrived[spot.queue] = true
    push(K .. 'line:' .. name, folded(spot.ids))
    inPieces(spot.scores, 2, function(...) call('ZADD', K .. 'back:' .. name, ...) end)
    if #spot.scores > 0 then makeOdd(spot.queue) end
  end
  for _, index in ipairs(others) do
    if not E then engine(ARGV[5]) end
    E.adopt(ids[index], raws[index])
    E.standOut(E.load(ids[index]))
  end
end

-- Light jobs have ended: each lane that has waited for that lets others out.
local function endLight(tails)
  local out, names, rateNames = {}, allNamesIn(tails)
  for _, name in ipairs(rateNames) do changedRate(rates[name]).unfinished = rates[name].unfinished - 1 end
  for _, name in ipairs(names) do
    local lane = changed(lanes[name])
    lane.taken, lane.unfinished = lane.taken - 1, lane.unfinished - 1
  end
  for _, name in ipairs(names) do
    if lanes[name].parked > 0 then
      for _, id in ipairs(admitted(lanes[name])) do out[#out + 1] = id end
    end
  end
  -- Nothing has been taken from a line yet that may go back to its head.
  if #out > 0 then letOut(out, true) end
end

-- Light jobs have been erased.
local function unname(tails)
  local names, rateNames = allNamesIn(tails)
  for _, name in ipairs(rateNames) do changedRate(rates[name]).named = rates[name].named - 1 end
  for _, name in ipairs(names) do
    local lane = changed(lanes[name])
    lane.named = lane.named - 1
  end
end

local flushTheRest = flushCounts
flushCounts = function()
  local writes = {}
  for name, lane in pairs(changedLanes) do
    if lane.named <= 0 and not lane.pinned then
      E.forgetLane(lane)
    elseif lane.slots then
      writes[#writes + 1] = name
      local pinned = lane.pinned and 1 or 0
      writes[#writes + 1] = struct.pack(laneFormat, lane.slots, lane.taken, lane.parked, lane.named, lane.unfinished, pinned)
    end
  end
  changedLanes = {}
  setAll(K .. 'lanes', writes)
  writeRates()
  flushTheRest()
end
