-- The one way in which a job becomes final, and what hangs on it. Then the jobs to be enqueued at its end.
function E.watchExpiry(job)
  if job.f.ex then call('ZADD', K .. 'expiries', job.f.ex, job.seq .. job.id) end
end

function E.suspendExpiry(job)
  if job.f.ex then call('ZREM', K .. 'expiries', job.seq .. job.id) end
end

-- A job that has really started can no longer expire.
function E.dropExpiry(job)
  E.suspendExpiry(job)
  job.f.ex = nil
end

function E.isOverdue(job) return job.f.ex and tonumber(job.f.ex) <= now end

-- Takes a job from the incarnation that runs it.
function E.letGo(job)
  if job.state ~= 'u' or not job.claim then return end
  local known = E.claim(job.claim)
  if known then
    job.f.st = tonumber(known.at)
    if E.isSuspect(job) then call('SREM', K .. 'suspected:' .. known.life, job.id) end
  end
  E.running[job.id] = false
  E.unclaim(job.claim, 1)
  job.claim, job.careful = nil, true
  E.touch(job)
end

function E.keptUntil(job)
  return job.f.fi + (job.state == 's' and job.keep.succeeded or job.keep.failed) * 60000
end

function E.dropRetention(job)
  kept[job.id] = nil
  call('ZREM', K .. 'kept', job.id)
  if job.f.pi then call('ZREM', K .. 'pinned', job.id) end
  job.f.pi = nil
end

-- Makes a final job as if it had never ended.
function E.reopen(job)
  E.dropRetention(job)
  local f = job.f
  f.cr, f.fi, f.e, f.b, job.result = nil, nil, nil, nil, nil
end

function E.finish(job, state, ending)
  ending = ending or {}
  local f = job.f
  E.letGo(job)
  E.withdraw(job)
  E.dropExpiry(job)
  E.setState(job, state)
  job.endedNow = true
  f.fi, f.e, f.b, job.result = now, ending.error, ending.because, ending.result
  if state == 's' and f.sp then
    call('DEL', K .. 'steps:' .. job.seq)
    f.sp = nil
  end
  E.freeKeyAtEnd(job)
  E.freeSlot(job)
  E.markWaiters(job, state == 's')
  E.keep(job, text(E.keptUntil(job)))
  E.tell(({ s = 'succeeded', f = 'failed', c = 'cancelled', x = 'expired' })[state], job, ending.error and 'error', ending.error)
  E.end_(job.id)
end

-- Deletes a final job and all it has.
function E.erase(job)
  E.dropRetention(job)
  if job.f.w then call('DEL', K .. 'edges:' .. job.seq) end
  if job.f.wt then E.forgetWaiters(job) end
  if job.f.at then call('DEL', K .. 'attempts:' .. job.seq) end
  if job.f.lg then call('DEL', K .. 'log:' .. job.seq) end
  if job.f.sp then call('DEL', K .. 'steps:' .. job.seq) end
  E.count(job.queue, job.state, -1)
  E.countNamed(job, -1)
  E.forgetTag(job)
  E.erased[#E.erased + 1] = job.id
  if job.ending or job.overlaid then E.running[job.id] = false end
  E.touched[job.id] = nil
  E.jobs[job.id] = false
end

-- Ids for follow-ups, all made from the one that the caller has sent along.
local made = 0
local function newId()
  made = made + 1
  return sub(E.spareId, 1, -13) .. sub(E.spareId, -9) .. format('%03d', made)
end

-- Input and result are put in as they were stored, unread. JSON here writes "\/" for "/".
local function json(value) return (string.gsub(cjson.encode(value), '\\/', '/')) end

local function followUpInput(job)
  local word = ({ s = 'succeeded', f = 'failed', x = 'expired' })[job.state]
  local parts = { '{"id":' .. json(job.id), '"task":' .. json(job.task), '"state":"' .. word .. '"', '"input":' .. job.input }
  if job.result and job.result ~= '0' then parts[#parts + 1] = '"result":' .. sub(job.result, 2) end
  if job.f.e then parts[#parts + 1] = '"error":' .. job.f.e end
  return table.concat(parts, ',') .. '}'
end

function E.finishWith(job, state, ending, followUps)
  E.finish(job, state, ending)
  for _, wanted in ipairs(followUps or {}) do E.insertCall({ wanted }) end
  local template
  if state == 's' then template = job.f.s elseif state ~= 'c' then template = job.f.x end
  if not template then return end
  local features = template.o and { on = 1 } or {}
  local id = newId()
  E.insertCall({ { id = id, rank = template.r, kind = template.k, extras = template.x, input = followUpInput(job), features = features } })
end

function E.expire(job)
  E.tally(job.task, 'x', 0)
  E.finishWith(job, 'x')
end
