-- What nobody asks for and time brings. ARGV: now, monotonic, promote, rescue, expire, spread, prune, a
-- spare id, errors of jobs whose worker was lost, by crashes (JSON).
local limits = {}
for index = 1, 5 do limits[index] = tonumber(ARGV[2 + index]) end
E.spareId = ARGV[8]
local errors = cjson.decode(ARGV[9])

-- Silence of the store is not silence of its workers: each lease by itself is extended instead of judged, and none
-- counts as shorter than usual: a hasty worker needs as long as others to find a store again that was away.
local function extendAfterSilence()
  local stamp = tonumber(call('HGET', K .. 'meta', 's') or nil)
  local silence, extended = stamp and mono - stamp or math.huge, false
  for _, life in ipairs(E.lives()) do
    local patience = math.max(life.lease, 8000)
    if silence < 0 or silence > patience / 2 then
      life.deadline = mono + patience
      E.writeLife(life)
      extended = true
    end
  end
  return extended
end

local function promote(limit)
  local due = call('ZRANGEBYSCORE', K .. 'due', '-inf', nowText, 'LIMIT', 0, limit)
  local ids = {}
  for index, member in ipairs(due) do ids[index] = sub(member, 16) end
  E.loadAll(ids)
  for index, id in ipairs(ids) do
    local job = E.load(id)
    if job and job.state == 'd' then
      E.withdraw(job)
      if job.f.pn then E.closeEdges(job) end
      E.lineUp(job)
      E.tell('ready', job)
    else
      call('ZREM', K .. 'due', due[index])
    end
  end
  return #ids
end

local function expireOverdue(limit)
  local done = 0
  while done < limit do
    local members, ids = call('ZRANGEBYSCORE', K .. 'expiries', '-inf', nowText, 'LIMIT', 0, limit - done), {}
    if #members == 0 then break end
    for index, member in ipairs(members) do ids[index] = sub(member, 16) end
    E.loadAll(ids)
    for index, id in ipairs(ids) do
      local job = E.load(id)
      -- The end of one may have ended another.
      if job and E.isWaiting(job) and E.isOverdue(job) then
        E.expire(job)
        done = done + 1
      else
        call('ZREM', K .. 'expiries', members[index])
      end
    end
  end
  return done
end

-- Marks the silent gone first, so that nothing they still send is accepted.
local function loseSilent()
  for _, life in ipairs(E.lives()) do
    if life.deadline <= mono then
      local held, entries = E.heldBy(life.id), {}
      table.sort(held, function(a, b) return a.seq < b.seq end)
      for index, job in ipairs(held) do entries[index] = job.claim .. ':' .. job.id end
      push(K .. 'lost', entries)
      E.markGone(life.id)
    end
  end
end

local function rescueJob(job)
  E.tally(job.task, 'k', 0)
  local known = E.claim(job.claim)
  E.letGo(job)
  E.dropExpiry(job)
  job.f.c = (job.f.c or 0) + 1
  if job.f.cr then return E.finish(job, 'c') end
  if job.f.on or job.f.c > 2 then return E.finishWith(job, 'f', { error = errors[math.min(job.f.c, 3)] }) end
  E.lineUpAgain(job)
  E.tell('rescued', job)
end

local function rescue(limit)
  local done = 0
  while done < limit do
    local entry = call('LPOP', K .. 'lost')
    if not entry then break end
    local colon = find(entry, ':', 1, true)
    local claim, job = sub(entry, 1, colon - 1), E.load(sub(entry, colon + 1))
    if job and job.state == 'u' and job.claim == claim then
      rescueJob(job)
      done = done + 1
    end
  end
  return done
end

local extended = extendAfterSilence()
-- Before anything ends: a job that nobody needs any more because of this very call is left to the next one.
local unpinned = E.prunePinned(limits[5])
local promoted, expired = promote(limits[1]), expireOverdue(limits[3])
loseSilent()
local rescued = rescue(limits[2])
local spread = E.spread(limits[4])
local pruned = unpinned + E.prune(limits[5] - unpinned)
E.forget()
forgetOldDays()
E.ripen()
call('HSET', K .. 'meta', 's', format('%.17g', mono))
E.flush()
local more = promoted >= limits[1] or rescued >= limits[2] or expired >= limits[3] or spread >= limits[4] or E.moreToSpread or pruned >= limits[5] or E.moreToPrune
return { more and 1 or 0, promoted, rescued, expired, spread, pruned, extended and 1 or 0, nextDue() }
