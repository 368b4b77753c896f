-- Rates: a token is a recorded start, free again when that start has left the window. Unique keys.
function E.rate(name)
  local raw = call('HGET', K .. 'rates', name)
  if not raw then return nil end
  local space = find(raw, ' ', 1, true)
  return tonumber(sub(raw, 1, space - 1)), tonumber(sub(raw, space + 1))
end

function E.setRate(name, tokens, perMs) call('HSET', K .. 'rates', name, text(tokens) .. ' ' .. text(perMs)) end

function E.freeTokens(name)
  local tokens, perMs = E.rate(name)
  if not tokens then return math.huge end
  return tokens - call('ZCOUNT', K .. 'starts:' .. name, '(' .. text(now - perMs), '+inf')
end

function E.recordStart(job, claim)
  if job.f.r then call('ZADD', K .. 'starts:' .. job.f.r, nowText, claim .. ':' .. job.id) end
end

-- A job given back unstarted returns its token.
function E.forgetStart(job)
  if job.f.r then call('ZREM', K .. 'starts:' .. job.f.r, job.claim .. ':' .. job.id) end
end

-- Milliseconds until this rate has a token; nil if it never will.
local function untilToken(name)
  local tokens, perMs = E.rate(name)
  if not tokens then return nil end
  local missing = 1 - E.freeTokens(name)
  if missing <= 0 then return 0 end
  local start = call('ZRANGEBYSCORE', K .. 'starts:' .. name, '(' .. text(now - perMs), '+inf', 'WITHSCORES', 'LIMIT', missing - 1, 1)
  return start[2] and tonumber(start[2]) + perMs - now
end

-- Milliseconds until a scheduled job or a token that a ready job waits for falls due; '' if nothing is known.
local function nextDue()
  local first = call('ZRANGE', K .. 'due', 0, 0, 'WITHSCORES')[2]
  local least = first and math.max(0, tonumber(first) - now)
  if call('EXISTS', K .. 'standing') == 0 then return least and text(least) or '' end
  for _, rate in ipairs(call('HRANDFIELD', K .. 'standing', 100)) do
    local ms = untilToken(rate)
    if ms and (not least or ms < least) then least = ms end
  end
  return least and text(least) or ''
end
E.nextDue = nextDue

-- A key's row: until when it holds in any case, or nothing, and the job that holds it.
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
