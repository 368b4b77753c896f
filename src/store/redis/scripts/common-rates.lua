-- Rates: a token is a recorded start, free again when that start has left the window. What a call learns of rates is read at
-- once for all it meets, and written at its end.
--
-- A job stands in its line whatever its rate. Claimed without a token it is put aside, and so is what arrives behind such, or
-- behind as many as the rate has tokens. Of each line the first aside come back to it, as many as there are free tokens, each
-- time one has become free.
--   rates   name -> tokens, window, until when it is closed, how many jobs name it, how many of these are not final, stand in
--           lines, stand aside, recorded starts; and 1 where it was set by hand, is in `shut`. Packed, as lanes are
--   shut    rates that jobs wait for, by the time when another token will be free
local rates, changedRates, mostOpened = {}, {}, 500
local rateFormat = '<dddI4I4I4I4I4BB'

local function keepRate(name, raw)
  local rate = { name = name, closed = 0, named = 0, unfinished = 0, out = 0, aside = 0, starts = 0, begun = {} }
  if raw then
    local pinned, shut
    rate.tokens, rate.perMs, rate.closed, rate.named, rate.unfinished, rate.out, rate.aside, rate.starts, pinned, shut =
      struct.unpack(rateFormat, raw)
    rate.pinned, rate.shut = pinned == 1, shut == 1
  end
  rates[name] = rate
  return rate
end

local function rateNamed(name) return rates[name] or keepRate(name, call('HGET', K .. 'rates', name)) end

local function readRates(names)
  local missing = {}
  for _, name in ipairs(names) do
    if rates[name] == nil then
      missing[#missing + 1] = name
      rates[name] = false
    end
  end
  for index, raw in ipairs(readAll(K .. 'rates', missing)) do keepRate(missing[index], raw) end
end

-- `look`: that more than time may have made a token free, or have taken one from the line that had one.
local function changedRate(rate, look)
  changedRates[rate.name] = rate
  rate.look = rate.look or look
  return rate
end

local function writeStarts(rate)
  inPieces(rate.begun, 2, function(...) call('ZADD', K .. 'starts:' .. rate.name, ...) end)
  rate.begun = {}
end

local function unusedTokens(rate)
  if not rate.used then
    writeStarts(rate)
    rate.used = call('ZCOUNT', K .. 'starts:' .. rate.name, '(' .. text(now - rate.perMs), '+inf')
  end
  return rate.tokens - rate.used
end

-- As long as there are fewer starts than tokens, none has to be counted.
local function hasToken(rate)
  if not rate.tokens then return true end
  if rate.closed > now then return false end
  return rate.starts < rate.tokens or unusedTokens(rate) > 0
end

local function takeToken(rate, claim, id)
  changedRate(rate)
  rate.begun[#rate.begun + 1], rate.begun[#rate.begun + 2] = nowText, claim .. ':' .. id
  rate.starts, rate.used = rate.starts + 1, rate.used and rate.used + 1
end

-- `list`: places and ids.
local function putAside(rate, spot, list)
  inPieces(list, 2, function(...) call('ZADD', K .. 'rated:' .. spot .. '\n' .. rate.name, ...) end)
  call('SADD', K .. 'spots:' .. rate.name, spot)
  changedRate(rate).aside = rate.aside + #list / 2
end

-- A queue whose claims must look further than into lists of arrivals.
local madeOdd = {}
local function makeOdd(queue)
  if madeOdd[queue] then return end
  madeOdd[queue] = true
  call('HSET', K .. 'queues', 'o' .. queue, 1)
end

local function openSpot(rate, spot, number)
  local popped, scores = call('ZPOPMIN', K .. 'rated:' .. spot .. '\n' .. rate.name, number), {}
  if #popped == 0 then return call('SREM', K .. 'spots:' .. rate.name, spot) end
  for at = 1, #popped, 2 do scores[at], scores[at + 1] = popped[at + 1], popped[at] end
  inPieces(scores, 2, function(...) call('ZADD', K .. 'back:' .. spot, ...) end)
  makeOdd(sub(spot, 3))
  rate.aside, rate.out = rate.aside - #popped / 2, rate.out + #popped / 2
end

local function openRate(rate)
  changedRate(rate).look, rate.opened = nil, true
  local free = rate.aside > 0 and rate.tokens and rate.closed <= now and unusedTokens(rate) or 0
  if free <= 0 then return end
  for _, spot in ipairs(call('SMEMBERS', K .. 'spots:' .. rate.name)) do openSpot(rate, spot, math.min(free, mostOpened)) end
  rate.again = free > mostOpened
end

local function openLooked()
  for _, rate in pairs(changedRates) do
    if rate.look then openRate(rate) end
  end
end

-- And what time has opened.
local function openRates()
  local names = call('ZRANGEBYSCORE', K .. 'shut', '-inf', nowText, 'LIMIT', 0, 200)
  readRates(names)
  for _, name in ipairs(names) do changedRate(rates[name], true) end
  openLooked()
end

-- When there will be another token than those that are free; never where nothing has been started.
local function opensAt(rate)
  if rate.again then return nowText end
  local since, free = '(' .. text(now - rate.perMs), unusedTokens(rate)
  local next = call('ZRANGEBYSCORE', K .. 'starts:' .. rate.name, since, '+inf', 'WITHSCORES', 'LIMIT', math.max(0, -free), 1)[2]
  if rate.closed > now and free > 0 then return text(rate.closed) end
  return next and rate.tokens > 0 and text(math.max(rate.closed, tonumber(next) + rate.perMs)) or '+inf'
end

-- Where those are found that jobs wait for.
local function list(rate)
  local stands = rate.tokens and rate.aside + rate.out > 0
  local waits = stands and (rate.aside > 0 or not hasToken(rate))
  if waits and (rate.opened or not rate.shut) then
    call('ZADD', K .. 'shut', opensAt(rate), rate.name)
  elseif waits then
    -- Time may have opened it, and this call has not looked.
    call('ZADD', K .. 'shut', 'LT', opensAt(rate), rate.name)
  elseif rate.shut then
    call('ZREM', K .. 'shut', rate.name)
  end
  rate.shut = waits
end

local function writeRates()
  if next(changedRates) == nil then return end
  openLooked()
  local writes = {}
  for name, rate in pairs(changedRates) do
    writeStarts(rate)
    list(rate)
    if rate.tokens then
      writes[#writes + 1] = name
      writes[#writes + 1] = struct.pack(rateFormat, rate.tokens, rate.perMs, rate.closed, rate.named, rate.unfinished, rate.out,
        rate.aside, rate.starts, rate.pinned and 1 or 0, rate.shut and 1 or 0)
    end
  end
  changedRates = {}
  setAll(K .. 'rates', writes)
end
