-- Schedules: a rule nobody here reads, and the time it fires next. ARGV: now, monotonic, what, then JSON.
local what, given = ARGV[3], ARGV[4] and cjson.decode(ARGV[4]) or nil
local key, answers = K .. 'schedules', {}

local function read(name)
  local raw = call('HGET', key, name)
  return raw and cjson.decode(raw) or nil
end
local function write(name, schedule)
  call('HSET', key, name, cjson.encode(schedule))
  local at = not schedule.paused and tonumber(schedule.nextAt)
  if at then call('ZADD', K .. 'ticks', text(at), name) else call('ZREM', K .. 'ticks', name) end
end

-- Those that are due, and when the next one is.
if what == 'due' then
  local names = call('ZRANGEBYSCORE', K .. 'ticks', '-inf', nowText, 'LIMIT', 0, given)
  local rows = {}
  for index, name in ipairs(names) do rows[index] = { name, call('HGET', key, name) } end
  local after = call('ZRANGE', K .. 'ticks', #names, #names, 'WITHSCORES')[2]
  return { rows, after and text(math.max(0, tonumber(after) - now)) or '', nowText, call('HGET', K .. 'meta', 'life') or '' }
end
if what == 'get' then return call('HMGET', key, unpack(given)) end
if what == 'list' then return call('HSCAN', key, given, 'COUNT', 500) end

if what == 'fire' then
  for _, each in ipairs(given) do
    if each.job and not knowsKinds(each.job) then return 'kinds' end
  end
end

-- This life of the store has the name of when a schedule was first put; a server that was emptied begins another.
if what == 'put' then call('HSETNX', K .. 'meta', 'life', nowText) end

for index, each in ipairs(given or {}) do
  local schedule = read(what == 'remove' and each or each.name)
  if what == 'put' and call('HEXISTS', K .. 'schedules-away', each.name) == 1 then
    -- It fires in another store now.
  elseif what == 'put' then
    if not schedule then schedule = { rule = each.rule, nextAt = each.nextAt }
    elseif schedule.rule ~= each.rule then schedule.rule, schedule.nextAt = each.rule, each.nextAt end
    schedule.declaredAt = now
    write(each.name, schedule)
  elseif what == 'pause' then
    if schedule then
      schedule.paused = each.paused or nil
      write(each.name, schedule)
    end
    answers[index] = schedule and 1 or 0
  elseif what == 'remove' then
    answers[index] = call('HDEL', key, each)
    call('ZREM', K .. 'ticks', each)
  elseif not schedule or schedule.paused or schedule.nextAt ~= each.at then
    answers[index] = 'stale'
  else
    -- The comparison of times is what makes a tick fire at most once, however many fire it.
    schedule.nextAt = each.nextAt
    if each.job then
      each.job.features = each.job.features or {}
      local outcome = E.insertCall({ each.job })
      if outcome[1] == 'kept' then schedule.lastJob = outcome[2]
      elseif outcome[1] == 'inserted' or outcome[1] == 'replaced' or outcome[1] == 'exists' then schedule.lastJob = each.job.id end
    end
    write(each.name, schedule)
    answers[index] = 'fired'
  end
end
E.flush()
return answers
