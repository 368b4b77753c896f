-- Unique keys. Of each a row: until when it holds in any case, or nothing, and the job that holds it.
local function keyOf(job) return job.task .. '\n' .. job.f.u.k end

function E.keyHolder(job)
  local raw = call('HGET', K .. 'unique', keyOf(job))
  if not raw then return nil end
  local line = find(raw, '\n', 1, true)
  local till = sub(raw, 1, line - 1)
  if till ~= '' and tonumber(till) <= now then return nil end
  return sub(raw, line + 1)
end

function E.takeKey(job)
  local forMs = tonumber(job.f.u.s)
  local till = forMs and text(now + forMs) or ''
  call('HSET', K .. 'unique', keyOf(job), till .. '\n' .. job.id)
  if forMs then call('ZADD', K .. 'keys', till, keyOf(job)) end
end

-- `till`: '-' for as long as its job wants it.
function E.holdKey(job, till)
  call('HSET', K .. 'unique', keyOf(job), (till == '-' and '' or till) .. '\n' .. job.id)
  if till ~= '-' then call('ZADD', K .. 'keys', till, keyOf(job)) end
end

-- Jobs by that tag of theirs which is indexed, if they have one.
function E.indexTag(job)
  if job.f.pt then call('ZADD', K .. 'tagged:' .. job.f.pt, tonumber(job.place), job.id) end
end

function E.forgetTag(job)
  if job.f.pt then call('ZREM', K .. 'tagged:' .. job.f.pt, job.id) end
end

function E.dropKey(job) call('HDEL', K .. 'unique', keyOf(job)) end

function E.freeKey(job)
  if not job.f.u then return end
  local raw = call('HGET', K .. 'unique', keyOf(job))
  if raw and sub(raw, find(raw, '\n', 1, true) + 1) == job.id then E.dropKey(job) end
end

function E.freeKeyAtClaim(job)
  if job.f.u and job.f.u.s == 'w' then E.freeKey(job) end
end

-- A key that holds for a time holds on when its job has ended.
function E.freeKeyAtEnd(job)
  if job.f.u and (job.f.u.s == 'w' or job.f.u.s == 'a') then E.freeKey(job) end
end
