-- When the first job is due or expires.
local function firstMoment()
  local least = math.huge
  for _, key in ipairs({ 'due', 'expiries' }) do
    local first = call('ZRANGE', K .. key, 0, 0, 'WITHSCORES')[2]
    if first then least = math.min(least, tonumber(first)) end
  end
  return least
end
-- When the first rate has a token of those that have none now: what could be claimed already is no moment. Of many that have one
-- the first ten are looked at.
local function nextOpening()
  local page = call('ZRANGEBYSCORE', K .. 'shut', '(' .. nowText, '+inf', 'WITHSCORES', 'LIMIT', 0, 10)
  for index = 1, #page, 2 do
    if not hasToken(rateNamed(page[index])) then return tonumber(page[index + 1]) end
  end
  return math.huge
end
-- Milliseconds until a job is due or expires, or a group or a token that a ready job waits for falls due; '' if nothing is known.
local function nextDue()
  local ripe = call('ZRANGE', K .. 'ripe', 0, 0, 'WITHSCORES')[2]
  local least = math.min(firstMoment(), tonumber(ripe or math.huge), nextOpening())
  return least < math.huge and text(math.max(0, least - now)) or ''
end
