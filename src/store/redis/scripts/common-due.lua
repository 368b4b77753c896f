-- Milliseconds until a scheduled job, a group or a token that a ready job waits for falls due; '' if nothing is known.
local function nextDue()
  local least = untilOpen()
  for _, key in ipairs({ 'due', 'ripe', 'shut' }) do
    local first = call('ZRANGE', K .. key, 0, 0, 'WITHSCORES')[2]
    if first then least = math.min(least, tonumber(first) - now) end
  end
  return least < math.huge and text(math.max(0, least)) or ''
end
