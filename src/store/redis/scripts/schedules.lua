-- Schedules: a rule nobody here reads, and the time it fires next. ARGV: now, monotonic, what, then JSON.
local what, given = ARGV[3], ARGV[4] and cjson.decode(ARGV[4]) or nil
local key, answers = K .. 'schedules', {}

-- What this call knows of each, read at once; what it has changed is written at its end. `false`: there is none.
local known, changed = {}, {}
local function readSchedules(names)
  for index, raw in ipairs(readAll(key, names)) do known[names[index]] = raw and cjson.decode(raw) end
end
local function write(name, schedule) known[name], changed[name] = schedule, true end
local function writeSchedules()
  local rows, ticks, silent, gone = {}, {}, {}, {}
  for name in pairs(changed) do
    local schedule = known[name]
    local at = schedule and not schedule.paused and tonumber(schedule.nextAt)
    if schedule then rows[#rows + 1], rows[#rows + 2] = name, cjson.encode(schedule) else gone[#gone + 1] = name end
    if at then ticks[#ticks + 1], ticks[#ticks + 2] = text(at), name else silent[#silent + 1] = name end
  end
  setAll(key, rows)
  forget(key, gone)
  inPieces(ticks, 2, function(...) call('ZADD', K .. 'ticks', ...) end)
  inPieces(silent, 1, function(...) call('ZREM', K .. 'ticks', ...) end)
end

-- Those that are due, and when the next one is.
if what == 'due' then
  local names = call('ZRANGEBYSCORE', K .. 'ticks', '-inf', nowText, 'LIMIT', 0, given)
  local rows = {}
  for index, raw in ipairs(readAll(key, names)) do rows[index] = { names[index], raw } end
  local after = call('ZRANGE', K .. 'ticks', #names, #names, 'WITHSCORES')[2]
  return { rows, after and text(math.max(0, tonumber(after) - now)) or '', nowText, call('HGET', K .. 'meta', 'life') or '' }
end
if what == 'get' then return call('HMGET', key, unpack(given)) end
if what == 'list' then return call('HSCAN', key, given, 'COUNT', 500) end

local names, ids = {}, {}
for index, each in ipairs(given) do
  names[index] = what == 'remove' and each or each.name
  if what == 'fire' and each.job then
    if not knowsKinds(each.job) then return 'kinds' end
    ids[#ids + 1] = each.job.id
  end
end
readSchedules(names)
E.loadAll(ids)

-- This life of the store has the name of when a schedule was first put; a server that was emptied begins another.
if what == 'put' then
  call('HSETNX', K .. 'meta', 'life', nowText)
  if not kept then call('HSET', K .. 'meta', 'layout', form) end
end

local entered = { inserted = true, exists = true, kept = true, replaced = true }
for index, each in ipairs(given) do
  local schedule = known[names[index]]
  if what == 'put' and call('HEXISTS', K .. 'schedules-away', each.name) == 1 then
    -- It fires in another store now.
  elseif what == 'put' then
    if not schedule then schedule = { rule = each.rule, nextAt = each.nextAt }
    elseif schedule.rule ~= each.rule then
      local sameTimes = each.when and schedule.rule:sub(1, #each.when) == each.when
      schedule.rule = each.rule
      if not sameTimes then schedule.nextAt = each.nextAt end
    end
    schedule.declaredAt = now
    write(each.name, schedule)
  elseif what == 'pause' then
    if schedule then
      schedule.paused = each.paused or nil
      write(each.name, schedule)
    end
    answers[index] = schedule and 1 or 0
  elseif what == 'remove' then
    answers[index] = schedule and 1 or 0
    write(each, false)
  elseif not schedule or schedule.paused or schedule.nextAt ~= each.at then
    answers[index] = 'stale'
  else
    -- The comparison of times is what makes a tick fire at most once, however many fire it.
    local outcome
    if each.job then
      each.job.features = each.job.features or {}
      outcome = E.insertCall({ each.job })
    end
    if outcome and not entered[outcome[1]] then
      answers[index] = 'refused'
    else
      schedule.nextAt = each.nextAt
      if outcome then schedule.lastJob = outcome[1] == 'kept' and outcome[2] or each.job.id end
      write(each.name, schedule)
      answers[index] = 'fired'
    end
  end
end
writeSchedules()
E.flush()
return answers
