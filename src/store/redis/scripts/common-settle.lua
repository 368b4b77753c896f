-- Recording how runs ended. `outcome`: one letter, s(ucceeded) r(etry) f(ailed) c(ancelled) w(ait).
local function addAttempt(job, err)
  call('RPUSH', K .. 'attempts:' .. job.seq, '{"attempt":' .. job.f.a .. ',"at":' .. nowText .. ',"error":' .. err .. '}')
  job.f.at = 1
end

-- Through its lane anew, at the end of the line.
local function lineUpAfresh(job)
  E.handInSlot(job)
  E.lineUp(job)
end

local function again(job, delayMs, err)
  job.f.e = err
  if delayMs > 0 then
    E.schedule(job, now + delayMs)
    E.freeSlot(job)
  else
    lineUpAfresh(job)
  end
  E.tell('retrying', job, 'error', err)
end

local function block(job, on)
  E.waitMore(job, on)
  job.f.du = nil
  if not job.f.pn then
    lineUpAfresh(job)
    return E.tell('ready', job)
  end
  E.setState(job, 'b')
  E.freeSlot(job)
  E.tell('blocked', job)
end

-- `payload` of a retry: delay, a line end, and the error.
function E.settle(job, outcome, ranMs, payload, followUps)
  local delay
  if outcome == 'r' then
    local line = find(payload, '\n', 1, true)
    delay, payload = tonumber(sub(payload, 1, line - 1)), sub(payload, line + 1)
  end
  if job.f.cr and outcome ~= 'c' then
    payload = (outcome == 'r' or outcome == 'f') and payload or ''
    outcome = 'c'
  end
  E.tally(job.task, outcome, ranMs)
  E.letGo(job)
  E.dropExpiry(job)
  if outcome == 'w' then return block(job, cjson.decode(payload)) end

  job.f.a = (job.f.a or 0) + 1
  if outcome == 'r' or outcome == 'f' then addAttempt(job, payload) end
  if outcome == 'r' then return again(job, delay, payload) end
  if outcome == 's' then return E.finishWith(job, 's', { result = payload }, followUps) end
  E.finishWith(job, outcome, { error = payload ~= '' and payload or nil })
end
