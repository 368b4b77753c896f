-- ARGV: now, monotonic, incarnation, its epoch or '', a spare id, rooms (JSON), given back (JSON or ''),
-- what settlements ask for beside, by index (JSON or ''), number of settlements, runs of them that share claim,
-- outcome and time run (JSON), form of their ids, and packed: their ids, their payloads.
--
-- Plain jobs and steps that succeed and are claimed need no more than this file; the engine of the other parts is made only
-- when something else is met, since making it costs more than a small turn.
local me = ARGV[3]
local life = call('HGET', K .. 'lives', me)
if not life then return { 'gone' } end
local deadline, lease, joined, epoch = string.match(life, '^(%S+) (%S+) (%S+) (%S+)')
if ARGV[4] ~= '' and tonumber(ARGV[4]) < tonumber(epoch) then return { 'old' } end
local stale, accepted, spareId = {}, 0, ARGV[5]

-- Plain jobs that succeeded: how they ended takes the place of the claim, and nothing else has to be looked at.
local endings, kept, ranFor, left, over, tails = {}, {}, {}, {}, {}, {}
-- Where all that this turn settles lies.
local drawer
local total, allSettled = tonumber(ARGV[9]), nil
local function flushPlain()
  if #endings == 0 then return end
  drawers.write('running', endings, drawer)
  for kind, ids in pairs(kept) do
    local known = kindOf(kind)
    local class = text(known.succeeded)
    local latest = call('HGET', K .. 'classes', class)
    if latest and now < tonumber(latest) then
      -- The clock went back: these would stand behind later ones.
      for _, id in ipairs(ids) do call('ZADD', K .. 'kept', text(now + known.succeeded * 60000), id) end
    else
      call('HSET', K .. 'classes', class, nowText)
      push(K .. 'class:' .. class, #ids == total and allSettled or folded(ids))
    end
    count(known.queue, 'u', -#ids)
    count(known.queue, 's', #ids)
    tally(known.task, 's', ranFor[kind], #ids)
  end
  for claim, number in pairs(left) do unclaim(claim, number) end
  if #tails > 0 then endLight(tails) end
  endings, kept, ranFor, left, tails = {}, {}, {}, {}, {}
end

-- The kind of a plain job that runs under this claim, where it is not that of the claim; and the tail of a light one.
local function kindUnder(claim, run)
  local at = #claim + 1
  if not run or byte(run, at) ~= 126 or sub(run, 1, at - 1) ~= claim then return nil end
  return sub(run, at + 1, at + 10), #run > at + 10 and sub(run, at + 11)
end

local function settlePlain(id, claim, kind, times, ranMs, result, tail)
  local at = #endings
  endings[at + 1], endings[at + 2] = id, times .. result
  local ids = kept[kind]
  if not ids then
    ids = {}
    kept[kind], ranFor[kind] = ids, 0
  end
  ids[#ids + 1] = id
  ranFor[kind] = ranFor[kind] + ranMs
  left[claim] = (left[claim] or 0) + 1
  ended[#ended + 1] = id
  over[id] = true
  if tail then tails[#tails + 1] = tail end
  if listened then tellPlainly('succeeded', id, drawers.get('jobs', id), 's', 1) end
end

-- All of these ran under one claim, as its plain jobs do: the most usual case.
local function settleRun(run, ids, payloads, from, to)
  local times, kind = 's' .. run.known.at .. nowText, run.known.kind
  local alike = kept[kind] or {}
  local at, number, before = #endings, #ended, #alike
  local count = before
  for index = from, to do
    local id = ids[index]
    if over[id] then
      stale[#stale + 1] = index - 1
    else
      over[id] = true
      endings[at + 1], endings[at + 2] = id, times .. payloads[index]
      at, number, count = at + 2, number + 1, count + 1
      ended[number], alike[count] = id, id
    end
  end
  kept[kind] = alike
  ranFor[kind] = (ranFor[kind] or 0) + tonumber(sub(run[2], 2)) * (count - before)
  left[run[1]] = (left[run[1]] or 0) + count - before
end

local function areAll(value, values, from, to)
  for index = from, to do
    if values[index] ~= value then return false end
  end
  return true
end

local function settleStep(step, id, claim, times, ranMs, result)
  settlePlain(id, claim, step.kind, times .. '*' .. step.seq, ranMs, result)
  for _, waiter in ipairs(step.ids) do tellStep(waiter) end
end

-- Whether all these steps may end without a look at those that wait for them.
local function mayEndPlainly(steps)
  local seqs, ids, number = {}, {}, 0
  for _, step in pairs(steps) do
    for index, id in ipairs(step.ids) do
      number = number + 1
      seqs[number], ids[number] = step.seqs[index], id
    end
  end
  return areBlocked(seqs, ids)
end

local function settleCarefully(id, claim, said, payload, wishes)
  flushPlain()
  local job = not over[id] and E.fenced(me, id, claim)
  if not job then return false end
  for _, each in ipairs(wishes.f or {}) do each.features = each.features or {} end
  E.settle(job, sub(said, 1, 1), tonumber(sub(said, 2)), payload, wishes)
  return true
end

if total > 0 then
  local wishes, none = ARGV[8] ~= '' and cjson.decode(ARGV[8]) or nil, {}
  for _, each in pairs(wishes or {}) do
    for _, wanted in ipairs(each.f or {}) do
      if not knowsKinds(wanted) then return { 'kinds' } end
    end
  end
  local ids, payloads = nil, unpacked(ARGV[13], '\0', total)
  ids, allSettled = idsOf(ARGV[12], ARGV[11], total)
  drawer = drawers.ofAll[ids]
  local runs, index, careful = drawers.read('running', ids), 0, {}
  local plainKinds, tailsAt, steps, stepsAt = {}, {}, {}, {}
  local alike = cjson.decode(ARGV[10])
  for _, run in ipairs(alike) do
    local claim, said = run[1], run[2]
    local known = claimOf(claim)
    run.known = known and known.life == me and known or nil
    local succeeded = run.known and byte(said) == 115
    run.alike = succeeded and not wishes and not listened and areAll(claim, runs, index + 1, index + run[3])
    for at = index + 1, run.alike and index or index + run[3] do
      local plain = succeeded and not (wishes and wishes[text(at - 1)])
      if plain and runs[at] == claim then
        plainKinds[at] = run.known.kind
      elseif plain then
        plainKinds[at], tailsAt[at] = kindUnder(claim, runs[at])
      end
      local step = plain and not plainKinds[at] and not listened and stepUnder(claim, runs[at])
      if step then
        steps[at], stepsAt[#stepsAt + 1] = step, at
      elseif run.known and not plainKinds[at] then
        careful[#careful + 1] = ids[at]
      end
    end
    index = index + run[3]
  end
  if #stepsAt > 0 and not (#careful == 0 and ARGV[7] == '' and mayEndPlainly(steps)) then
    for _, at in ipairs(stepsAt) do careful[#careful + 1] = ids[at] end
    steps = {}
  end
  if #careful > 0 then
    engine(spareId)
    E.loadAll(careful)
  end
  index = 0
  for _, run in ipairs(alike) do
    local claim, said, known = run[1], run[2], run.known
    local times, ranMs = known and 's' .. known.at .. nowText, tonumber(sub(said, 2))
    local whole = run.alike and not E
    if whole then settleRun(run, ids, payloads, index + 1, index + run[3]) end
    for at = index + 1, whole and index or index + run[3] do
      local id, kind = ids[at], run.alike and known.kind or plainKinds[at]
      if not known or over[id] then
        stale[#stale + 1] = at - 1
      elseif kind and not (E and E.jobs[id]) then
        settlePlain(id, claim, kind, times, ranMs, payloads[at], tailsAt[at])
      elseif steps[at] then
        settleStep(steps[at], id, claim, times, ranMs, payloads[at])
      elseif not settleCarefully(id, claim, said, payloads[at], wishes and wishes[text(at - 1)] or none) then
        stale[#stale + 1] = at - 1
      end
    end
    index = index + run[3]
  end
  flushPlain()
  flushSteps()
end

local back = 0
if ARGV[7] ~= '' then
  engine(spareId)
  for _, each in ipairs(cjson.decode(ARGV[7])) do
    local job = not over[each[1]] and E.fenced(me, each[1], each[2])
    if job then E.takeBack(job, each[3], each[4] == 1) else stale[#stale + 1] = total + back end
    back = back + 1
  end
end
if E then E.spreadMarked() end
-- Mostly nothing stands to be ready at a time of its own, and then none of that has to be looked at.
local mayBeDue = E or next(rates) or call('EXISTS', K .. 'due', K .. 'expiries', K .. 'ripe', K .. 'shut', K .. 'cascades') > 0
-- What earlier calls have left of a cascade: those who could be given its jobs do not wait for upkeep.
if mayBeDue and ARGV[6] ~= '[]' and call('EXISTS', K .. 'cascades') == 1 then
  engine(spareId)
  E.spread()
end
accepted = total + back - #stale

local cancels, messages = {}, {}
if call('HDEL', K .. 'called', me) == 1 then
  engine(spareId)
  for _, entry in ipairs(call('LRANGE', K .. 'cancels:' .. me, 0, -1)) do
    local colon = find(entry, ':', 1, true)
    local claim, id = sub(entry, 1, colon - 1), sub(entry, colon + 1)
    if not over[id] and E.fenced(me, id, claim) then
      cancels[#cancels + 1] = id
      cancels[#cancels + 1] = claim
    end
  end
  call('DEL', K .. 'cancels:' .. me)
  for index, each in ipairs(E.messages(me)) do
    messages[index] = each.body
    call('HSET', K .. 'messages:' .. me, each.kind, '1' .. each.rest)
  end
end

-- `ids` of all that is claimed, and `found`: the record of a plain job, else the job.
local meta = call('HMGET', K .. 'meta', 'c', 'n')
local turn = { life = me, claim = text(tonumber(meta[1] or '0') + 1), ids = {}, found = {}, queues = {}, expired = 0, careful = 0, beyond = 0, groups = 0, passed = 0, members = 0, alike = 0, tails = {} }
local more = false
if mayBeDue and call('ZCOUNT', K .. 'ripe', '-inf', nowText) > 0 then
  engine(spareId)
  E.ripen()
end
if mayBeDue then openRates() end
if E then E.flushJobs() end
for _, room in ipairs(cjson.decode(ARGV[6])) do
  if claimFor(turn, room[1], room[2], room[3]) then
    more = true
    for _, queue in ipairs(room[1]) do
      if call('EXISTS', K .. 'park:' .. queue) == 1 then wake(queue) end
    end
  end
end
if E then E.spreadMarked() end

local claimed, beside, ends, idText = {}, {}, {}, ''
if #turn.ids > 0 then
  local ids, runs, usual, started, stepIds, stepRecords = turn.ids, {}, nil, {}, {}, {}
  idText = idTexts(ids)
  call('HSET', K .. 'meta', 'c', turn.claim)
  call('HSET', K .. 'left', turn.claim, #ids)
  call('SADD', K .. 'held:' .. me, turn.claim)
  for index = 1, #ids do
    local raw, at = turn.found[index], #runs
    local flag = type(raw) == 'string' and byte(raw, 31)
    if flag == 45 then
      local kind = sub(raw, 32, 41)
      usual = usual or kind
      runs[at + 1], runs[at + 2] = ids[index], kind == usual and turn.claim or turn.claim .. '~' .. kind
    elseif flag == 61 then
      runs[at + 1], runs[at + 2] = ids[index], turn.claim .. '~' .. sub(raw, 32, 41) .. turn.tails[ids[index]]
    elseif flag then
      started[#started + 1], stepIds[#stepIds + 1], stepRecords[#stepRecords + 1] = index, ids[index], raw
    else
      if raw.f.w or raw.f.sp or raw.leader then beside[#beside + 1] = { index - 1, E.handOver(raw) } end
      raw = E.record(raw)
    end
    claimed[index] = raw
  end
  local stepRuns, many
  stepRuns, many, ends = startSteps(turn.claim, stepIds, stepRecords, spareId)
  for at, index in ipairs(started) do
    runs[#runs + 1], runs[#runs + 2] = ids[index], stepRuns[at]
    if many[at] then beside[#beside + 1] = { index - 1, many[at] } end
  end
  drawers.write('running', runs, turn.alike == #ids and drawers.ofAll[ids])
  local inText = type(idText) == 'string'
  call('HSET', K .. 'claims', turn.claim, me .. '\n' .. nowText .. '\n' .. (usual or ''),
    turn.claim .. (inText and 'i' or 'm'), inText and idText or cmsgpack.pack(ids))
end

local changes = accepted + #turn.ids + turn.expired + #cancels + #messages
if changes > 0 or tonumber(deadline) - mono <= tonumber(lease) * 2 / 3 then
  call('HSET', K .. 'lives', me, format('%.17g', mono + tonumber(lease)) .. ' ' .. lease .. ' ' .. joined .. ' ' .. epoch)
end
unpark(me)
mayBeDue = mayBeDue or E or next(rates)
local seen, arrivals = meta[2] or '0', E or next(arrived)
if E then E.flush() else flushCounts() end
if arrivals then seen = call('HGET', K .. 'meta', 'n') or '0' end
local status = (more or turn.expired > 0) and 1 or 0
return { 'alive', #turn.ids > 0 and turn.claim or '', stale, idText, claimed, beside, cancels, messages, status, mayBeDue and nextDue() or '', seen, ends }
