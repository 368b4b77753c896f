-- Recording how runs ended. `outcome`: one letter, s(ucceeded) r(etry) f(ailed) c(ancelled) w(ait).
local function addAttempt(job, err)
  call('RPUSH', K .. 'attempts:' .. job.seq, '{"attempt":' .. job.f.a .. ',"at":' .. nowText .. ',"error":' .. err .. '}')
  job.f.at = 1
end

-- Through its lane anew unless it keeps its slot.
local function lineUpAfresh(job, keepsSlot)
  if not keepsSlot then E.handInSlot(job) end
  E.lineUp(job)
end

local function again(job, delayMs, err, keepsSlot)
  job.f.e, job.f.wd = err, nil
  if delayMs > 0 then E.putOff(job, delayMs, keepsSlot) else lineUpAfresh(job, keepsSlot) end
  E.tell('retrying', job, 'error', err)
end

local function block(job, keepsSlot)
  E.setState(job, 'b')
  if not keepsSlot then E.freeSlot(job) end
end

-- For others, for its time, or for whichever comes first.
local function waitFor(job, delayMs, on, keepsSlot)
  E.waitMore(job, on)
  job.f.du, job.f.wd = nil, 1
  -- Behind whoever is there when it falls asleep, so that jobs that sleep again and again let others run.
  if #on == 0 then E.takeLastPlace(job) end
  if delayMs > 0 and (job.f.pn or #on == 0) then
    E.putOff(job, delayMs, keepsSlot)
  elseif job.f.pn then
    block(job, keepsSlot)
  else
    lineUpAfresh(job, keepsSlot)
  end
  E.tell(job.state == 'r' and 'ready' or 'blocked', job)
end

-- `payload` of a retry or a wait: delay, a line end, and the error, or whom it waits for. `wishes`: follow-ups (f), that it keeps its slot (k), and for how
-- long it closes its rate (c).
function E.settle(job, outcome, ranMs, payload, wishes)
  local delay
  if outcome == 'r' or outcome == 'w' then
    local line = find(payload, '\n', 1, true)
    delay, payload = tonumber(sub(payload, 1, line - 1)), sub(payload, line + 1)
  end
  if job.f.cr and outcome ~= 'c' then
    payload = (outcome == 'r' or outcome == 'f') and payload or ''
    outcome = 'c'
  end
  E.tally(job.task, outcome, ranMs)
  if wishes.c and job.f.r then E.closeRate(job.f.r, now + wishes.c) end
  E.letGo(job)
  E.dropExpiry(job)
  if outcome == 'w' then return waitFor(job, delay, cjson.decode(payload), wishes.k) end

  job.f.a = (job.f.a or 0) + 1
  if outcome == 'r' or outcome == 'f' then addAttempt(job, payload) end
  if outcome == 'r' then return again(job, delay, payload, wishes.k) end
  if outcome == 's' then return E.finishWith(job, 's', { result = payload }, wishes.f) end
  E.finishWith(job, outcome, { error = payload ~= '' and payload or nil })
end
