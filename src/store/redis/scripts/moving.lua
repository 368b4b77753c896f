-- What a move remembers, and the ends of leaving. ARGV: now, monotonic, what, and its own.
local what = ARGV[3]

-- ARGV[4]: an identity for a store that has none yet, or '' to write nothing.
if what == 'status' then
  local known = call('HMGET', K .. 'meta', 'identity', 'to')
  if not known[1] and ARGV[4] ~= '' then call('HSET', K .. 'meta', 'identity', ARGV[4]) end
  return { known[1] or ARGV[4], known[2] or '', call('ZCARD', K .. 'leaving') + call('ZCARD', K .. 'aside') }
end

-- ARGV[4]: JSON of identity and name.
if what == 'begin' then
  call('HSETNX', K .. 'meta', 'to', ARGV[4])
  return call('HGET', K .. 'meta', 'to')
end

-- ARGV[4], ARGV[5]: how many jobs and bytes.
if what == 'leaving' then
  local page = E.newPage(tonumber(ARGV[4]), tonumber(ARGV[5]))
  local ids = call('ZRANGE', K .. 'leaving', 0, page.mostJobs - 1)
  for from = 1, #ids, 20 do
    if E.isFull(page) then break end
    local part = { unpack(ids, from, math.min(from + 19, #ids)) }
    E.loadAll(part)
    for _, id in ipairs(part) do
      if E.isFull(page) then break end
      E.handOut(page, E.load(id))
    end
  end
  return page.list
end

-- Back to where it stood.
local function stay(job)
  call('ZREM', job.f.lv.a and K .. 'aside' or K .. 'leaving', job.id)
  job.slot = false
  if job.f.lv.k then E.takeSlot(job) end
  job.f.lv = nil
  E.touch(job)
  if job.state == 'd' then E.schedule(job, tonumber(job.f.du)) end
  if job.state == 'r' then
    if job.f.g then E.lineUpAgain(job) else E.lineUp(job, job.place) end
  end
  if E.isFinal(job) then E.keep(job, text(E.keptUntil(job))) else E.watchExpiry(job) end
end

-- A job that may still be claimed here reads what it waited for.
local function drop(job)
  if E.isFinal(job) and E.neededByOthers(job, true) then
    if job.f.lv.a then return end
    job.f.lv.a = 1
    E.touch(job)
    call('ZREM', K .. 'leaving', job.id)
    call('ZADD', K .. 'aside', call('HINCRBY', K .. 'meta', 'n', 1), job.id)
  else
    call('ZREM', job.f.lv.a and K .. 'aside' or K .. 'leaving', job.id)
    E.depart(job)
  end
end

-- Jobs put aside become plain final jobs, a portion per call; the last one forgets where jobs go.
if what == 'end' then
  if call('EXISTS', K .. 'leaving') == 1 then return 'leaving' end
  local ids = call('ZRANGE', K .. 'aside', 0, 99)
  E.loadAll(ids)
  for _, id in ipairs(ids) do stay(E.load(id)) end
  if #ids < 100 then call('HDEL', K .. 'meta', 'to') end
  E.flush()
  return #ids < 100 and 'ended' or 'more'
end

-- drop or stay. ARGV: id and ticket of each, from ARGV[4] on.
local ids, done = {}, 0
for at = 4, #ARGV, 2 do ids[#ids + 1] = ARGV[at] end
E.loadAll(ids)
for at = 4, #ARGV, 2 do
  local job = E.load(ARGV[at])
  if job and job.f.lv and job.f.lv.t == ARGV[at + 1] then
    if what == 'drop' then drop(job) else stay(job) end
    done = done + 1
  end
end
E.flush()
return done
