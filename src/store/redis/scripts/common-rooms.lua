-- Claiming: which ready jobs a worker gets. A line of plain arrivals is taken from its head as it is.
-- Jobs that are not plain cost some ten times as much: one turn claims no more than so many of them.
local mostCareful, firstLook = 60, 50
-- A group counts as its leader alone.
local function taken(turn) return #turn.ids - turn.beyond end
local function roomLeft(turn, till)
  local room = till - taken(turn)
  if turn.careful == 0 then return room end
  return math.min(room, mostCareful - turn.careful)
end

local function addMembers(turn, leader, at)
  local members = E.claimMembers(leader, turn)
  for index, member in ipairs(members) do turn.ids[at + index], turn.found[at + index] = member.id, member end
  turn.careful, turn.beyond, turn.groups = turn.careful + #members, turn.beyond + #members, turn.groups + 1
  return at + #members
end

-- Answers how many it looked at: an expiry or a group may let another job in before the rest.
local function take(turn, ids, raws, queue)
  local plain, at, looked = 0, #turn.ids, 0
  for index = 1, #ids do
    local id, raw = ids[index], raws[index]
    looked = index
    if not (E and E.jobs[id]) and byte(raw, 31) == 45 then
      at, plain = at + 1, plain + 1
      turn.ids[at], turn.found[at] = id, raw
      if listened then tellPlainly('started', id, raw, 'u', 1) end
    else
      turn.careful = turn.careful + 1
      engine(ARGV[5])
      E.adopt(id, raw)
      local job = E.load(id)
      if E.takeCareful(job, turn) then
        at = at + 1
        turn.ids[at], turn.found[at] = id, job
        if job.f.g then at = addMembers(turn, job, at) end
      end
      if (job.f.g or job.state ~= 'u') and E.madeOdd[queue] then break end
    end
  end
  if plain > 0 then
    count(queue, 'r', -plain)
    count(queue, 'u', plain)
  end
  return looked
end

local function isOdd(turn, queue) return turn.queues[queue][2] or (E and E.madeOdd[queue]) end

local function takeLine(turn, queue, rank, till)
  local line = K .. 'line:' .. rank .. ':' .. queue
  local look = firstLook
  while roomLeft(turn, till) > 0 do
    local ids = popIds(line, math.min(look, roomLeft(turn, till)))
    look = till
    if #ids == 0 then return end
    local looked = take(turn, ids, readAll(K .. 'jobs', ids), queue)
    if looked < #ids then pushBack(line, { unpack(ids, looked + 1) }) end
    if isOdd(turn, queue) then return end
  end
end

local function takeFrom(turn, queue, rank, till)
  if roomLeft(turn, till) <= 0 then return end
  if not isOdd(turn, queue) then takeLine(turn, queue, rank, till) end
  if not isOdd(turn, queue) then return end
  engine(ARGV[5])
  E.takeMerged(turn, queue, rank, till)
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
  if #odd > 0 then
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
  for _, queue in ipairs(odd) do E.clearOdd(queue) end
  return taken(turn) >= till or turn.careful >= mostCareful or turn.dropped == true
end
