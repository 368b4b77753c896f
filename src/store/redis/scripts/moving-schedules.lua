-- Schedules that leave, and those that come. ARGV: now, monotonic, what, then JSON.
local what, given = ARGV[3], ARGV[4] and cjson.decode(ARGV[4]) or nil
local key, away = K .. 'schedules', K .. 'schedules-away'

-- Marked and handed out, until they are dropped: then only the mark is left.
if what == 'take' then
  local here, taken = call('HGETALL', key), {}
  for index = 1, #here, 2 do
    call('HSET', away, here[index], here[index + 1])
    call('ZREM', K .. 'ticks', here[index])
  end
  call('DEL', key)
  local marked = call('HGETALL', away)
  for index = 1, #marked, 2 do
    if marked[index + 1] ~= '' then taken[#taken + 1] = { marked[index], marked[index + 1] } end
  end
  return taken
end

if what == 'drop' then
  for _, name in ipairs(given) do
    if call('HEXISTS', away, name) == 1 then call('HSET', away, name, '') end
  end
  return 'done'
end

-- One that has fired for the last time does not begin again.
local function later(one, other)
  if one == cjson.null or other == cjson.null then return cjson.null end
  return math.max(one, other)
end

for _, brought in ipairs(given) do
  local name = brought.name
  local raw = call('HGET', key, name)
  local known = raw and cjson.decode(raw) or brought
  known.name = nil
  known.paused = (known.paused or brought.paused) or nil
  known.declaredAt = math.max(known.declaredAt, brought.declaredAt)
  known.lastJob = known.lastJob or brought.lastJob
  if known.rule == brought.rule then known.nextAt = later(known.nextAt, brought.nextAt) end
  call('HDEL', away, name)
  call('HSET', key, name, cjson.encode(known))
  local at = not known.paused and tonumber(known.nextAt)
  if at then call('ZADD', K .. 'ticks', text(at), name) else call('ZREM', K .. 'ticks', name) end
end
return 'done'
