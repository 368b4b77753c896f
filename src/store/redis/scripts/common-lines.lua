-- How a job comes to stand ready: through its lane, if it has one, into the line of its queue and rank.
--
-- The line of plain arrivals is a list, since their numbers only grow. What comes back with an older
-- number stands in a sorted set beside it, what has a rate or is suspect in another; a queue with any of
-- these is marked `odd`, and claiming from it merges them by number. A job that leaves the middle of the
-- list stays in it and is counted in `tomb`, to be skipped as often as that.
function E.newPlace()
  E.lastPlace = newPlace()
  return E.lastPlace
end

-- By rank, then by number, in one score.
local function score(job) return text(job.rank * 1e15 + tonumber(job.place)) end
local function spot(job) return job.rank .. ':' .. job.queue end
E.odd, E.madeOdd = makeOdd, madeOdd
function E.isSuspect(job) return (job.f.c or 0) >= 2 end

-- Of which its next start takes a token: none, once its attempt has waited.
function E.rateOf(job) return job.f.r and not job.f.wd and rateNamed(job.f.r) end

-- Whether it holds a slot of its lane: while it is out of it, and where it has kept one while it waits.
local function hasSlot(job)
  if job.slot == nil then
    local state = job.state
    if job.f.lv or not job.raw then
      job.slot = false
    elseif state == 'r' then
      job.slot = not call('ZSCORE', K .. 'lane:' .. job.f.l, job.id)
    elseif state == 'd' or state == 'b' then
      job.kept = call('SISMEMBER', K .. 'out:' .. job.f.l, job.id) == 1
      job.slot = job.kept
    else
      job.slot = state == 'u'
    end
  end
  return job.slot
end

-- Those that keep a slot while they wait for their time or for others can be found.
function E.noteKeptSlot(job, state)
  local keeps = hasSlot(job) and (state == 'd' or state == 'b')
  if keeps == (job.kept or false) then return end
  call(keeps and 'SADD' or 'SREM', K .. 'out:' .. job.f.l, job.id)
  job.kept = keeps
end

local function isParked(job) return job.f.l and job.state == 'r' and not hasSlot(job) end

function E.stand(job)
  job.out = nil
  local rate = E.rateOf(job)
  rate = rate and changedRate(rate)
  if E.isSuspect(job) then
    call('ZADD', K .. 'suspects:' .. job.queue, score(job), job.id)
    E.odd(job.queue)
    if rate then rate.out = rate.out + 1 end
    return E.arrive(job.queue)
  end
  if rate and job.place == E.lastPlace and (rate.aside > 0 or rate.out >= (rate.tokens or math.huge)) then
    rate.look = true
    putAside(rate, spot(job), { job.place, job.id })
    return E.arrive(job.queue)
  end
  if rate then rate.out = rate.out + 1 end
  if job.place == E.lastPlace then
    call('RPUSH', K .. 'line:' .. spot(job), alone(job.id))
  else
    call('ZADD', K .. 'back:' .. spot(job), job.place, job.id)
    E.odd(job.queue)
  end
  E.arrive(job.queue)
end

function E.unstand(job)
  local rate, out = E.rateOf(job), job.out
  rate, job.out = rate and changedRate(rate, true), nil
  if rate and not out and call('ZREM', K .. 'rated:' .. spot(job) .. '\n' .. rate.name, job.id) == 1 then
    rate.aside = rate.aside - 1
    return
  end
  if rate then rate.out = rate.out - 1 end
  if E.isSuspect(job) then return call('ZREM', K .. 'suspects:' .. job.queue, job.id) end
  -- A claim has taken it out already.
  if out then return end
  if call('ZREM', K .. 'back:' .. spot(job), job.id) == 1 then return end
  call('HINCRBY', K .. 'tomb:' .. spot(job), job.id, 1)
  E.odd(job.queue)
end

-- An ordered lane lets its jobs out as they came.
function E.scoreInLane(job) return job.f.lo and text(tonumber(job.place) - 1e15) or score(job) end
local function park(job)
  call('ZADD', K .. 'lane:' .. job.f.l, E.scoreInLane(job), job.id)
  local lane = changed(laneNamed(job.f.l))
  lane.parked, job.slot = lane.parked + 1, false
end

local function unpark(job)
  local lane = changed(laneNamed(job.f.l))
  lane.parked = lane.parked - call('ZREM', K .. 'lane:' .. job.f.l, job.id)
end

function E.takeSlot(job)
  local lane = changed(laneNamed(job.f.l))
  lane.taken, job.slot = lane.taken + 1, true
  E.noteKeptSlot(job, job.state)
end

function E.handInSlot(job)
  if not job.f.l or not hasSlot(job) then return end
  local lane = changed(laneNamed(job.f.l))
  lane.taken, job.slot = lane.taken - 1, false
  if job.kept then E.noteKeptSlot(job, job.state) end
end

-- Lets jobs out of a lane while it has free slots.
function E.admit(name) letOut(admitted(laneNamed(name))) end

-- One that its lane has let out.
function E.standOut(job)
  job.slot = true
  E.stand(job)
end

local function enterLane(job)
  local lane = laneNamed(job.f.l)
  if lane.parked == 0 and lane.taken < (lane.slots or 0) then
    E.takeSlot(job)
    return E.stand(job)
  end
  park(job)
  E.admit(job.f.l)
end

function E.takeLastPlace(job)
  job.f.q = job.seq
  job.place = E.newPlace()
end

-- Makes a job ready, at the end of its line, or with the number it has where it goes on; `place` is given where it has just taken one.
function E.lineUp(job, place)
  if not place and not job.f.wd then E.takeLastPlace(job) end
  job.f.du = nil
  E.setState(job, 'r')
  if E.gathers(job) then return E.gather(job) end
  if not job.f.l or hasSlot(job) then return E.stand(job) end
  enterLane(job)
end

-- Puts a job that was given back or rescued where it stood; into its lane it goes back only if that gathers.
function E.lineUpAgain(job)
  E.setState(job, 'r')
  if E.gathers(job) then E.gatherAgain(job) else E.stand(job) end
end

function E.schedule(job, due)
  job.f.du = text(due)
  call('ZADD', K .. 'due', job.f.du, job.seq .. job.id)
  E.setState(job, 'd')
end

-- Takes a job out of wherever it waits.
function E.withdraw(job)
  if job.state == 'd' then call('ZREM', K .. 'due', job.seq .. job.id) end
  if job.state ~= 'r' then return end
  if job.f.g then return E.leaveGroup(job) end
  if isParked(job) then unpark(job) else E.unstand(job) end
end

-- A new rank keeps the number.
function E.changeRank(job, rank)
  if job.state ~= 'r' then
    job.rank = rank
    return
  end
  if job.f.g then return E.moveInGroup(job, function() job.rank = rank end) end
  local parked = isParked(job)
  E.withdraw(job)
  job.rank = rank
  if parked then park(job) else E.stand(job) end
end

-- And lets the next one out, or the next leader where jobs are gathered.
function E.freeSlot(job)
  if job.f.g then return E.lookAnew(job) end
  if not job.f.l then return end
  E.handInSlot(job)
  E.admit(job.f.l)
end

-- Lets it wait before it runs again. Unless it keeps its slot, it goes through its lane when it is due.
function E.putOff(job, delayMs, keepsSlot)
  if not keepsSlot then E.handInSlot(job) end
  E.schedule(job, now + delayMs)
  if not keepsSlot then E.freeSlot(job) end
end

-- Of a job that waits for its time or for others.
function E.hasKeptSlot(job)
  return job.f.l and (job.state == 'd' or job.state == 'b') and hasSlot(job)
end
