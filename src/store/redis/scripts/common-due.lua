-- Rates: a token is a recorded start, free again when that start has left the window. And what falls due next.
local function rateOf(name)
  local raw = call('HGET', K .. 'rates', name)
  if not raw then return nil end
  local space = find(raw, ' ', 1, true)
  return tonumber(sub(raw, 1, space - 1)), tonumber(sub(raw, space + 1))
end

local function freeTokens(name)
  local tokens, perMs = rateOf(name)
  if not tokens then return math.huge end
  return tokens - call('ZCOUNT', K .. 'starts:' .. name, '(' .. text(now - perMs), '+inf')
end

-- Milliseconds until this rate has a token; nil if it never will.
local function untilToken(name)
  local tokens, perMs = rateOf(name)
  if not tokens then return nil end
  local missing = 1 - freeTokens(name)
  if missing <= 0 then return 0 end
  local since = '(' .. text(now - perMs)
  local start = call('ZRANGEBYSCORE', K .. 'starts:' .. name, since, '+inf', 'WITHSCORES', 'LIMIT', missing - 1, 1)
  return start[2] and tonumber(start[2]) + perMs - now
end

-- Milliseconds until a scheduled job or a token that a ready job waits for falls due; '' if nothing is known.
local function nextDue()
  local first = call('ZRANGE', K .. 'due', 0, 0, 'WITHSCORES')[2]
  local least = first and math.max(0, tonumber(first) - now)
  if call('EXISTS', K .. 'standing') == 0 then return least and text(least) or '' end
  for _, rate in ipairs(call('HRANDFIELD', K .. 'standing', 100)) do
    local ms = untilToken(rate)
    if ms and (not least or ms < least) then least = ms end
  end
  return least and text(least) or ''
end
