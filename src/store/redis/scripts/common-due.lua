-- When the first job is due or expires.
local function firstMoment()
  local least = math.huge
  for _, key in ipairs({ 'due', 'expiries' }) do
    local first = call('ZRANGE', K .. key, 0, 0, 'WITHSCORES')[2]
    if first then least = math.min(least, tonumber(first)) end
  end
  return least
end
-- Milliseconds until a job is due or expires, or a group or a token that a ready job waits for falls due; '' if nothing is known.
local function nextDue()
  local ripe = call('ZRANGE', K .. 'ripe', 0, 0, 'WITHSCORES')[2]
  local opens = call('ZRANGEBYSCORE', K .. 'shut', '(' .. nowText, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
  local least = math.min(firstMoment(), tonumber(ripe or math.huge), tonumber(opens or math.huge))
  return least < math.huge and text(math.max(0, least - now)) or ''
end
