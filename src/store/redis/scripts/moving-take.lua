-- Takes jobs that leave for another store. ARGV: now, monotonic, jobs, bytes, ticket, cursor (JSON of phase, key,
-- passed, and whether a lane has let others out since the lines were begun) or ''.
--
-- The store is looked through in phases, each key by key in the order of their names. `passed` counts what stays:
-- what is taken is out of its line at once.
local page = E.newPage(tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5])
local phase, key, passed = 0, '', 0
if ARGV[6] ~= '' then phase, key, passed, page.freed = unpack(cjson.decode(ARGV[6])) end

-- What a sorted set has: the id stands behind `from` characters. Answers how many it looked at, and how many stay.
local function lookThroughSet(set, from, passed, number)
  local entries, ids = call('ZRANGE', set, passed, passed + number - 1), {}
  for index, entry in ipairs(entries) do ids[index] = sub(entry, from) end
  E.loadAll(ids)
  for index, id in ipairs(ids) do
    if E.isWeary(page) then break end
    local job = E.load(id)
    local gone = job and job.f.lv and not call('ZSCORE', set, entries[index])
    if job and not gone then E.takeAfterMembers(page, job) end
    if not gone and call('ZSCORE', set, entries[index]) then passed = passed + 1 end
  end
  return #ids, passed
end

-- The head of a list, without its dead entries.
local function popLine(spot, number)
  local ids, alive = popIds(K .. 'line:' .. spot, number), {}
  local tomb = K .. 'tomb:' .. spot
  local dead = #ids > 0 and call('EXISTS', tomb) == 1
  for _, id in ipairs(ids) do
    local left = dead and tonumber(call('HGET', tomb, id) or '0') or 0
    if left > 1 then
      call('HINCRBY', tomb, id, -1)
    elseif left == 1 then
      call('HDEL', tomb, id)
    else
      alive[#alive + 1] = id
    end
  end
  return alive, #ids
end

-- A list of arrivals and what came back to it, by place. Of the list, what stays is put to what came back.
local function lookThroughLine(queue, rank, passed, number)
  local spot, heads = rank .. ':' .. queue, {}
  local back = call('ZRANGE', K .. 'back:' .. spot, passed, passed + number - 1)
  local line, popped = popLine(spot, number)
  E.loadAll(back)
  E.loadAll(line)
  for _, id in ipairs(back) do heads[#heads + 1] = E.load(id) end
  for _, id in ipairs(line) do
    local job = E.load(id)
    if job then job.out, heads[#heads + 1] = true, job end
  end
  table.sort(heads, function(a, b) return a.place < b.place end)
  local last = 0
  for index = 1, math.min(number, #heads) do
    if E.isWeary(page) then break end
    last = index
    local job = heads[index]
    E.takeAfterMembers(page, job)
    if not job.f.lv then
      passed = passed + 1
      if job.out then
        call('ZADD', K .. 'back:' .. spot, job.place, job.id)
        E.odd(queue)
      end
    end
    job.out = nil
  end
  for index = #heads, last + 1, -1 do
    local job = heads[index]
    if job.out and not job.f.lv then call('LPUSH', K .. 'line:' .. spot, alone(job.id)) end
    job.out = nil
  end
  return popped + #back, passed
end

-- Without reading it whole.
local function letterOf(raw, run) return E.endingIn(run) and 's' or sub(raw, 1, 1) end

-- `passed` is the position in the order of insertion up to which has been looked.
local function lookInOrder(states, passed, number)
  local ids, positions = E.orderAfter(passed, number)
  local raws, runs = drawers.readBoth(ids)
  for index, raw in ipairs(raws) do
    if E.isWeary(page) then break end
    passed = positions[index]
    page.looked = page.looked + 0.1
    if raw and find(states, letterOf(raw, runs[index]), 1, true) then
      E.adopt(ids[index], raw, runs[index])
      local job = E.load(ids[index])
      if job then E.takeAfterMembers(page, job) end
    end
  end
  return #ids, passed
end

-- Not even looked for where the counters know of none.
local function orderFor(states)
  local flat = call('HGETALL', K .. 'counts')
  for index = 1, #flat, 2 do
    if find(states, sub(flat[index], 1, 1), 1, true) and tonumber(flat[index + 1]) > 0 then return { '' } end
  end
  return {}
end

-- Put aside because others needed them.
local function lookThroughAside(_, passed, number)
  local ids = call('ZRANGE', K .. 'aside', passed, passed + number - 1)
  E.loadAll(ids)
  for _, id in ipairs(ids) do
    local job = E.load(id)
    page.looked = page.looked + 1
    if job and E.neededByOthers(job, true) then
      passed = passed + 1
    else
      call('ZREM', K .. 'aside', id)
      if job then E.depart(job) end
    end
  end
  return #ids, passed
end

local function linesOfQueues()
  local keys = {}
  for _, field in ipairs(call('HKEYS', K .. 'queues')) do
    if sub(field, 1, 1) == 'a' then
      for step = 0, 4 do keys[#keys + 1] = sub(field, 2) .. '\n' .. step end
    end
  end
  return keys
end

local function ratedLines()
  local keys = {}
  for _, rate in ipairs(call('ZRANGE', K .. 'shut', 0, -1)) do
    for _, spot in ipairs(call('SMEMBERS', K .. 'spots:' .. rate)) do keys[#keys + 1] = spot .. '\n' .. rate end
  end
  return keys
end

-- Those that wait and have kept a slot of this lane.
local function lookThroughSlots(lane, passed, number)
  local key = K .. 'out:' .. lane
  local all = call('SMEMBERS', key)
  table.sort(all)
  local ids = { unpack(all, passed + 1, math.min(passed + number, #all)) }
  E.loadAll(ids)
  for _, id in ipairs(ids) do
    if E.isWeary(page) then break end
    local job = E.load(id)
    page.looked = page.looked + 0.1
    if job and E.hasKeptSlot(job) then E.takeAfterMembers(page, job) end
    if call('SISMEMBER', key, id) == 1 then passed = passed + 1 end
  end
  return #ids, passed
end

local one = function() return { '' } end
local lines, groups = 2, 5
local phases = {
  [0] = { one, lookThroughAside },
  -- Where they arrive they must hold their lane before others come into it.
  { function() return call('HKEYS', K .. 'lanes') end, lookThroughSlots },
  { linesOfQueues, function(name, passed, number)
    local queue, step = sub(name, 1, -3), tonumber(sub(name, -1))
    if step == 0 then return lookThroughSet(K .. 'suspects:' .. queue, 1, passed, number) end
    return lookThroughLine(queue, step - 1, passed, number)
  end },
  { ratedLines, function(name, passed, number) return lookThroughSet(K .. 'rated:' .. name, 1, passed, number) end },
  { function() return call('HKEYS', K .. 'lanes') end, function(name, passed, number)
    return lookThroughSet(K .. 'lane:' .. name, 1, passed, number)
  end },
  { function() return call('HKEYS', K .. 'groups') end, function(name, passed, number)
    return lookThroughSet(K .. 'group:' .. name, 1, passed, number)
  end },
  { one, function(_, passed, number) return lookThroughSet(K .. 'due', 16, passed, number) end },
  { function() return orderFor('b') end, function(_, passed, number) return lookInOrder('b', passed, number) end },
  { function() return orderFor('sfcx') end, function(_, passed, number) return lookInOrder('sfcx', passed, number) end },
}

-- Answers where to go on, or nothing at the end.
local function lookThrough(name, look)
  local portion, looked = 20, nil
  repeat
    if E.isWeary(page) then return cjson.encode({ phase, name, passed, page.freed or false }) end
    looked, passed = look(name, passed, portion)
    portion = math.min(portion * 2, 160)
  until looked == 0
  page.looked = page.looked + 0.2
end

local function lookThroughAll()
  while phases[phase] do
    local names = phases[phase][1]()
    table.sort(names)
    for _, name in ipairs(names) do
      if name >= key then
        if name > key then key, passed = name, 0 end
        local cursor = lookThrough(name, phases[phase][2])
        if cursor then return cursor end
      end
    end
    -- Those that were let out may stand where has been looked already.
    local anew = phase == groups and page.freed
    phase, key, passed = anew and lines or phase + 1, '', 0
    if phase == lines then page.freed = false end
  end
  return ''
end

local cursor = lookThroughAll()
E.flushMarks(page)
E.flush()
return { page.list, cursor }
