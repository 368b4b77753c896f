-- Rates: a token is a recorded start, free again when that start has left the window. And what falls due next.
local function rateOf(name)
  local raw = call('HGET', K .. 'rates', name)
  if not raw then return nil end
  local tokens, perMs, closed, mark = string.match(raw, '^(%S+) (%S+) (%S+) (!?)$')
  return tonumber(tokens), tonumber(perMs), tonumber(closed), mark == '!'
end

local function unused(name, tokens, perMs)
  return tokens - call('ZCOUNT', K .. 'starts:' .. name, '(' .. text(now - perMs), '+inf')
end

local function freeTokens(name)
  local tokens, perMs, closed = rateOf(name)
  if not tokens then return math.huge end
  return closed > now and 0 or unused(name, tokens, perMs)
end

-- Milliseconds until a job of this rate may start; nil if none ever may.
local function untilToken(name)
  local tokens, perMs, closed = rateOf(name)
  if not tokens then return nil end
  local opens, missing = math.max(0, closed - now), 1 - unused(name, tokens, perMs)
  if missing <= 0 then return opens end
  local since = '(' .. text(now - perMs)
  local start = call('ZRANGEBYSCORE', K .. 'starts:' .. name, since, '+inf', 'WITHSCORES', 'LIMIT', missing - 1, 1)
  return start[2] and math.max(opens, tonumber(start[2]) + perMs - now)
end

-- Milliseconds until a scheduled job, a group or a token that a ready job waits for falls due; '' if nothing is known.
local function nextDue()
  local first = call('ZRANGE', K .. 'due', 0, 0, 'WITHSCORES')[2]
  local least = first and math.max(0, tonumber(first) - now)
  local ripe = call('ZRANGE', K .. 'ripe', 0, 0, 'WITHSCORES')[2]
  if ripe then least = math.max(0, math.min(tonumber(ripe) - now, least or math.huge)) end
  if call('EXISTS', K .. 'standing') == 0 then return least and text(least) or '' end
  for _, rate in ipairs(call('HRANDFIELD', K .. 'standing', 100)) do
    local ms = untilToken(rate)
    if ms and (not least or ms < least) then least = ms end
  end
  return least and text(least) or ''
end
