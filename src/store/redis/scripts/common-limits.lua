-- Lanes and rates by name: what value they have, who set it, and how long they are remembered. Of lanes and
-- rates all stands together; of groups apart:
--   limits      names of both
--   named       `g` and name -> how many jobs name it; unfinished -> how many of them are not final
E.nextDue = nextDue

function E.laneOf(name)
  local lane = laneNamed(name)
  return lane.slots, lane.pinned
end

local function writeLane(name, slots, pinned)
  local lane = changed(laneNamed(name))
  if not lane.slots then call('ZADD', K .. 'limits', 0, name) end
  lane.slots, lane.pinned = slots, pinned
  E.admit(name)
end

local function writeRate(name, tokens, perMs, closed, pinned)
  local rate = changedRate(rateNamed(name), true)
  if not rate.tokens then call('ZADD', K .. 'limits', 0, name) end
  if rate.perMs ~= perMs then rate.used = nil end
  rate.tokens, rate.perMs, rate.closed, rate.pinned = tokens, perMs, closed or 0, pinned
end

local function rateOf(name)
  local rate = rateNamed(name)
  return rate.tokens, rate.perMs, rate.closed, rate.pinned
end
E.rate = rateOf

-- What an inserted job brings: the value given last holds, unless one was set by hand.
function E.setLane(name, slots)
  local present, pinned = E.laneOf(name)
  if pinned or present == slots then return end
  writeLane(name, slots, false)
end

function E.setRate(name, tokens, perMs)
  local oldTokens, oldPerMs, closed, pinned = rateOf(name)
  if pinned or (tokens == oldTokens and perMs == oldPerMs) then return end
  writeRate(name, tokens, perMs, closed, false)
end

-- What a job brings from another store: what is known here keeps its value.
function E.knowLane(name, slots)
  if not E.laneOf(name) then writeLane(name, slots, false) end
end

function E.knowRate(name, tokens, perMs)
  if not rateOf(name) then writeRate(name, tokens, perMs, 0, false) end
end

function E.pinLane(name, slots) writeLane(name, slots, true) end

-- A rate that is not known must be given whole.
function E.pinRate(name, tokens, perMs)
  local oldTokens, oldPerMs, closed = rateOf(name)
  tokens, perMs = tokens or oldTokens, perMs or oldPerMs
  if tokens and perMs then writeRate(name, tokens, perMs, closed, true) end
end

-- No job of it starts before then, whatever tokens are left.
function E.closeRate(name, till)
  local tokens, perMs, closed, pinned = rateOf(name)
  if tokens and till > closed then writeRate(name, tokens, perMs, till, pinned) end
end

local function dropName(name)
  if laneNamed(name).slots or rateNamed(name).tokens then return end
  if call('EXISTS', K .. 'gathers:' .. name) == 0 then call('ZREM', K .. 'limits', name) end
end

-- A lane is forgotten with the last job that names it. A rate stays while its starts count.
function E.forgetLane(lane)
  call('HDEL', K .. 'lanes', lane.name)
  lane.slots = nil
  dropName(lane.name)
end

local function forgetGroup(group)
  if call('HEXISTS', K .. 'named', 'g' .. group) == 1 then return end
  local line = #group - #string.match(group, '[^\n]*$')
  local name, queue = sub(group, 1, line - 1), sub(group, line + 1)
  call('HDEL', K .. 'groups', group)
  call('SREM', K .. 'gathers:' .. name, queue)
  dropName(name)
end

function E.unpin(name)
  local slots, lanePinned = E.laneOf(name)
  if lanePinned then writeLane(name, slots, false) end
  local tokens, perMs, closed, ratePinned = rateOf(name)
  if ratePinned then writeRate(name, tokens, perMs, closed, false) end
end

-- What this call has changed of how many jobs name each.
local named, unfinished = {}, {}
local function add(counts, job, change)
  local group = job.f.g and 'g' .. job.f.g .. '\n' .. job.queue
  if group then counts[group] = (counts[group] or 0) + change end
end

-- A job has come, or goes.
function E.countNamed(job, change)
  if job.f.l then
    local lane = changed(laneNamed(job.f.l))
    lane.named = lane.named + change
  end
  if job.f.r then
    local rate = changedRate(rateNamed(job.f.r))
    rate.named = rate.named + change
  end
  add(named, job, change)
  if not E.isFinal(job) then E.countUnfinished(job, change) end
end

function E.countUnfinished(job, change)
  if job.f.l and change ~= 0 then
    local lane = changed(laneNamed(job.f.l))
    lane.unfinished = lane.unfinished + change
  end
  if job.f.r and change ~= 0 then
    local rate = changedRate(rateNamed(job.f.r))
    rate.unfinished = rate.unfinished + change
  end
  add(unfinished, job, change)
end

local function write(key, counts)
  local gone = {}
  for field, change in pairs(counts) do
    if change ~= 0 and call('HINCRBY', key, field, change) <= 0 then gone[#gone + 1] = field end
  end
  forget(key, gone)
  return gone
end

function E.flushNamed()
  write(K .. 'unfinished', unfinished)
  local touched = named
  write(K .. 'named', named)
  named, unfinished = {}, {}
  for field, change in pairs(touched) do
    if change <= 0 and byte(field) == 103 then forgetGroup(sub(field, 2)) end
  end
end

function E.recordStart(job, claim)
  local rate = E.rateOf(job)
  if rate then takeToken(rate, claim, job.id) end
end

-- A job given back unstarted returns its token.
function E.forgetStart(job)
  if not job.f.r then return end
  local rate = changedRate(rateNamed(job.f.r), true)
  writeStarts(rate)
  rate.starts, rate.used = rate.starts - call('ZREM', K .. 'starts:' .. job.f.r, job.claim .. ':' .. job.id), nil
end

-- Drops starts that count no more, and rates with none that nobody names: a portion per call.
function E.forgetRates()
  E.flushNamed()
  local page = call('HSCAN', K .. 'rates', call('HGET', K .. 'meta', 'r') or '0', 'COUNT', 100)
  call('HSET', K .. 'meta', 'r', page[1])
  for index = 1, #page[2], 2 do
    local rate = changedRate(rateNamed(page[2][index]))
    local starts = K .. 'starts:' .. rate.name
    writeStarts(rate)
    rate.starts = rate.starts - call('ZREMRANGEBYSCORE', starts, '-inf', text(now - rate.perMs))
    if not rate.pinned and rate.closed <= now and rate.named <= 0 and rate.starts <= 0 then
      call('HDEL', K .. 'rates', rate.name)
      call('ZREM', K .. 'shut', rate.name)
      rate.tokens = nil
      dropName(rate.name)
    end
  end
end
