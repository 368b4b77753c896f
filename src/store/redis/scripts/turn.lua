-- ARGV: now, monotonic, incarnation, its epoch or '', a spare id, rooms (JSON), given back (JSON or ''),
-- follow-ups by index of their settlement (JSON or ''); then id, claim, outcome and time run, payload of
-- each settlement.
local me, first = ARGV[3], 9
local life = E.life(me)
if not life then return { 'gone' } end
if ARGV[4] ~= '' and tonumber(ARGV[4]) < life.epoch then return { 'old' } end
E.spareId = ARGV[5]
local followUps = ARGV[8] ~= '' and cjson.decode(ARGV[8]) or nil
local total = (#ARGV - first + 1) / 4
local stale, accepted = {}, 0

-- Plain jobs that succeeded: their record gets a tail, and nothing else has to be looked at.
local writes, kept, ranFor, claims = {}, {}, {}, {}
local function flushPlain()
  if #writes == 0 then return end
  setAll(K .. 'jobs', writes)
  for kind, ids in pairs(kept) do
    local known = E.kind(kind)
    local class = text(known.succeeded)
    local latest = call('HGET', K .. 'classes', class)
    if latest and now < tonumber(latest) then
      -- The clock went back: these would stand behind later ones.
      for _, id in ipairs(ids) do call('ZADD', K .. 'kept', text(now + known.succeeded * 60000), id) end
    else
      call('HSET', K .. 'classes', class, nowText)
      push(K .. 'class:' .. class, ids)
    end
    E.count(known.queue, 'u', -#ids)
    E.count(known.queue, 's', #ids)
    E.tally(known.task, 's', ranFor[kind], #ids)
  end
  for claim, number in pairs(claims) do E.unclaim(claim, number) end
  writes, kept, ranFor, claims = {}, {}, {}, {}
end

local function settlePlain(id, claim, raw, ranMs, result)
  local kind = sub(raw, 32, find(raw, '\n', 32, true) - 1)
  writes[#writes + 1] = id
  writes[#writes + 1] = 's' .. sub(raw, 2) .. '\n' .. E.claim(claim).at .. nowText .. result
  local ids = kept[kind]
  if not ids then
    ids = {}
    kept[kind], ranFor[kind] = ids, 0
  end
  ids[#ids + 1] = id
  ranFor[kind] = ranFor[kind] + ranMs
  claims[claim] = (claims[claim] or 0) + 1
  E.running[id] = false
  E.ended[#E.ended + 1] = id
end

local function newJobs(list)
  for _, wanted in ipairs(list) do wanted.features = wanted.features or {} end
  return list
end

if total > 0 then
  local ids = {}
  for index = 1, total do ids[index] = ARGV[first + 4 * (index - 1)] end
  local runs, raws = readAll(K .. 'running', ids), readAll(K .. 'jobs', ids)
  for index = 1, total do
    local at = first + 4 * (index - 1)
    local id, claim, said, payload = ids[index], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
    local known, wanted = E.claim(claim), followUps and followUps[text(index - 1)]
    if not known or known.life ~= me or E.running[id] == false then
      stale[#stale + 1] = index - 1
    elseif runs[index] == claim and byte(said) == 115 and not wanted and not E.listened and not E.jobs[id] then
      settlePlain(id, claim, raws[index], tonumber(sub(said, 2)), payload)
    else
      flushPlain()
      local job = E.fenced(me, id, claim)
      if job then
        E.settle(job, sub(said, 1, 1), tonumber(sub(said, 2)), payload, wanted and newJobs(wanted))
      else
        stale[#stale + 1] = index - 1
      end
    end
  end
  flushPlain()
end

local back = ARGV[7] ~= '' and cjson.decode(ARGV[7]) or {}
for index, each in ipairs(back) do
  local job = E.running[each[1]] ~= false and E.fenced(me, each[1], each[2])
  if job then E.takeBack(job, each[3]) else stale[#stale + 1] = total + index - 1 end
end
E.spreadMarked()
accepted = total + #back - #stale

local cancels, messages = {}, {}
if call('HDEL', K .. 'called', me) == 1 then
  for _, entry in ipairs(call('LRANGE', K .. 'cancels:' .. me, 0, -1)) do
    local colon = find(entry, ':', 1, true)
    local claim, id = sub(entry, 1, colon - 1), sub(entry, colon + 1)
    if E.running[id] ~= false and E.fenced(me, id, claim) then
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

local claimed, beside, more, claim = {}, {}, false, ''
local rooms = cjson.decode(ARGV[6])
if #rooms > 0 then
  E.flushJobs()
  local turn = { life = me, claim = text((tonumber(call('HGET', K .. 'meta', 'c') or '0')) + 1), ids = {}, raws = {}, queues = {}, odd = {} }
  for _, room in ipairs(rooms) do
    if E.claimFor(turn, room) then
      more = true
      for _, queue in ipairs(room[1]) do
        if call('EXISTS', K .. 'park:' .. queue) == 1 then wake(queue) end
      end
    end
  end
  E.spreadMarked()
  more = more or E.expired > 0
  if #turn.ids > 0 then
    claim = turn.claim
    call('HSET', K .. 'meta', 'c', claim)
    call('HSET', K .. 'claims', claim, me .. '\n' .. nowText .. '\n' .. cmsgpack.pack(turn.ids))
    call('HSET', K .. 'left', claim, #turn.ids)
    call('SADD', K .. 'held:' .. me, claim)
    local runs = {}
    for index, id in ipairs(turn.ids) do
      local raw = turn.raws[index]
      claimed[2 * index - 1] = id
      if type(raw) == 'string' then
        runs[#runs + 1] = id
        runs[#runs + 1] = claim
      else
        if raw.f.w or raw.f.sp then beside[#beside + 1] = { index - 1, E.handOver(raw) } end
        raw = E.encode(raw)
      end
      claimed[2 * index] = raw
    end
    setAll(K .. 'running', runs)
  end
end

if accepted + #claimed + E.expired + #cancels + #messages > 0 or E.isStale(life) then E.renew(life) end
if call('HEXISTS', K .. 'parked', me) == 1 then unpark(me) end
E.flush()
local seen = call('HGET', K .. 'meta', 'n') or '0'
return { 'alive', claim, stale, claimed, beside, cancels, messages, more and 1 or 0, E.nextDue(), seen }
