-- Job records, read into tables and written back once at the end of the call. layout.md says how they look.
E.jobs, E.touched, E.erased, E.running, E.departed = {}, {}, {}, {}, {}

-- `ending`: of a plain job that has succeeded.
function E.decode(id, raw, ending)
  local one = find(raw, '\n', 32, true)
  local two = find(raw, '\n', one + 1, true)
  local three = find(raw, '\n', two + 1, true)
  local job = {
    id = id, state = sub(raw, 1, 1), at = sub(raw, 2, 14), place = sub(raw, 15, 29),
    rank = tonumber(sub(raw, 30, 30)), kind = sub(raw, 32, one - 1), input = sub(raw, one + 1, two - 1),
    extras = sub(raw, two + 1, three and three - 1 or -1), f = {},
  }
  local kind = kindOf(job.kind)
  job.queue, job.task, job.keep = kind.queue, kind.task, kind
  if sub(raw, 31, 31) == '+' then
    local four = find(raw, '\n', three + 1, true)
    job.f = cjson.decode(sub(raw, three + 1, four and four - 1 or -1))
    if four then job.result = sub(raw, four + 1) end
  elseif isLight(raw) then
    local tail = sub(raw, three + 1)
    job.f.l, job.f.r = namesIn(tail)
    if find(tail, '^[oq]') then job.f.lo = 1 end
  elseif isStep(raw) then
    E.readStep(job, sub(raw, three + 1))
  end
  if ending then
    job.f.st, job.f.fi, job.f.a = tonumber(sub(ending, 2, 14)), tonumber(sub(ending, 15, 27)), 1
    job.state, job.result, job.ending = 's', sub(ending, job.step and 44 or 28), ending
  end
  job.seq = job.f.q or job.place
  return job
end

-- Of a job that has a lane or a rate and is plain otherwise.
local function lightTail(f)
  if not f.l and not f.r then return nil end
  for field in pairs(f) do
    if field ~= 'l' and field ~= 'lo' and field ~= 'r' then return nil end
  end
  if not f.l then return not f.lo and 'r' .. f.r end
  if not f.r then return (f.lo and 'o' or 'l') .. f.l end
  return (f.lo and 'q' or 'b') .. #f.l .. ':' .. f.l .. f.r
end

function E.encode(job)
  local state = job.state == 'u' and 'r' or job.state
  local head = state .. job.at .. job.place .. job.rank
  local body = job.kind .. '\n' .. job.input .. '\n' .. job.extras
  if state == 'r' and next(job.f) == nil and not job.result then return head .. '-' .. body end
  local tail = state == 'r' and not job.result and lightTail(job.f)
  if tail then return head .. '=' .. body .. '\n' .. tail end
  local record = head .. '+' .. body .. '\n' .. cjson.encode(job.f)
  return job.result and (record .. '\n' .. job.result) or record
end

-- As it is kept, or will be at the end of the call.
function E.record(job)
  if E.touched[job.id] or not job.raw or job.step then return E.encode(job) end
  if not job.ending then return job.raw end
  local raw = job.raw
  if isLight(raw) then raw = sub(raw, 1, 30) .. '-' .. sub(raw, 32, #raw - #tailOf(raw) - 1) end
  return raw .. '\n' .. sub(job.ending, 2)
end

-- Whether a plain job has succeeded, and how, stands where it stood that it ran.
function E.endingIn(run) return run and byte(run) == 115 and run or nil end

local function keepLoaded(id, raw, run)
  local ending = E.endingIn(run)
  local job = E.decode(id, raw, ending)
  -- It was moved to another store: what is left of it is known by its number to those that wait for it.
  if job.state == 'm' then
    E.departed[id], E.jobs[id] = job, false
    return
  end
  job.raw = raw
  if run and not ending and not E.waitsAsStep(job, run) then
    job.state = 'u'
    job.careful = find(run, '^%d+!') ~= nil
    job.claim = string.match(run, '^%d+')
    if job.step then E.runsAsStep(job, run) end
    if job.careful and #run > #job.claim + 1 then job.leader = sub(run, #job.claim + 2) end
  end
  E.jobs[id] = job
end

-- What was read elsewhere in this call, if it is not known yet.
function E.adopt(id, raw, run)
  if E.jobs[id] ~= nil or not raw then return end
  if isStep(raw) and not run then E.load(id) else keepLoaded(id, raw, run) end
end

-- Several at once, so that what follows finds them here.
function E.loadAll(ids)
  local missing = {}
  for _, id in ipairs(ids) do
    if E.jobs[id] == nil then
      missing[#missing + 1] = id
      E.jobs[id] = false
    end
  end
  if #missing == 0 then return end
  local raws, runs = drawers.readBoth(missing)
  for index, id in ipairs(missing) do
    if raws[index] then keepLoaded(id, raws[index], runs[index]) end
  end
end

function E.load(id)
  if E.jobs[id] == nil then E.loadAll({ id }) end
  return E.jobs[id] or nil
end

-- A job that is on its way to another store is out of reach.
function E.reach(id)
  local job = E.load(id)
  return job and not job.f.lv and job or nil
end

-- Also one that was moved to another store: those that wait for it follow it.
function E.member(id) return E.load(id) or E.departed[id] end

-- The job of this number, not one that was given its id later.
function E.same(id, seq)
  local job = E.load(id)
  return job and job.seq == seq and job or nil
end

function E.touch(job)
  E.touched[job.id] = job
  if job.ending then
    if job.step then E.closeTold(job) end
    -- From now on its record has its end.
    job.ending, E.running[job.id] = nil, false
  end
  if job.state == 'u' and not job.careful then
    job.careful = true
    E.running[job.id] = job.claim .. '!'
  end
end

function E.isFinal(job) return find('sfcx', job.state, 1, true) ~= nil end
function E.isWaiting(job) return find('dbr', job.state, 1, true) ~= nil end

-- What an incarnation holds, in the order in which it claimed.
function E.heldBy(life)
  local claims, held = call('SMEMBERS', K .. 'held:' .. life), {}
  table.sort(claims, function(a, b) return tonumber(a) < tonumber(b) end)
  for _, claim in ipairs(claims) do
    local known = call('HMGET', K .. 'claims', claim .. 'i', claim .. 'm')
    local ids = known[1] and cutIds(known[1]) or known[2] and cmsgpack.unpack(known[2]) or {}
    E.loadAll(ids)
    for _, id in ipairs(ids) do
      local job = E.load(id)
      if job and job.state == 'u' and job.claim == claim then held[#held + 1] = job end
    end
  end
  return held
end

function E.flushJobs()
  local writes, runs, ended = {}, {}, {}
  for id, job in pairs(E.touched) do
    local raw = E.writeStep(job) or E.encode(job)
    if raw ~= job.raw then
      writes[#writes + 1] = id
      writes[#writes + 1] = raw
    end
    job.raw = raw
  end
  for id, run in pairs(E.running) do
    if run then
      runs[#runs + 1] = id
      runs[#runs + 1] = run
    else
      ended[#ended + 1] = id
    end
  end
  drawers.forget('jobs', E.erased)
  drawers.forget('running', ended)
  drawers.write('jobs', writes)
  drawers.write('running', runs)
  E.touched, E.running, E.erased = {}, {}, {}
end
