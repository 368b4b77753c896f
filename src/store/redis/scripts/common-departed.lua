-- What is remembered of moves: jobs that have left for another store, and tickets of those that have come from one.
local rememberedMs, ticketDays, parted = 7 * 86400000, 8, {}

local function ticketsOf(day) return K .. 'came:' .. text(day) end

-- A job leaves its number behind, for the edges of those that wait for it.
function E.depart(job)
  E.freeKeyAtEnd(job)
  if job.f.w then call('DEL', K .. 'edges:' .. job.seq) end
  if job.f.at then call('DEL', K .. 'attempts:' .. job.seq) end
  if job.f.lg then call('DEL', K .. 'log:' .. job.seq) end
  if job.f.sp then call('DEL', K .. 'steps:' .. job.seq) end
  E.count(job.queue, job.state, -1)
  E.countNamed(job, -1)
  E.forgetTag(job)
  E.tell('removed', job)
  E.end_(job.id)
  job.state, job.place, job.input, job.extras, job.result = 'm', job.seq, '', '', nil
  job.f = { wt = job.f.wt, go = now }
  E.departed[job.id], E.jobs[job.id] = job, false
  E.touch(job)
  parted[#parted + 1] = nowText .. job.id
end

local flush = E.flush
function E.flush()
  push(K .. 'departed', parted)
  parted = {}
  flush()
end

-- One that has come back and left again stands there twice.
local function forgetDeparted(id)
  local stub = not E.load(id) and E.departed[id]
  if not stub or stub.f.go + rememberedMs > now then return end
  -- As long as somebody here waits for it, it is looked at again every few days.
  if E.neededByOthers(stub) then return call('RPUSH', K .. 'departed', nowText .. id) end
  if stub.f.wt then call('DEL', K .. 'waiters:' .. stub.seq) end
  E.erased[#E.erased + 1] = id
  E.touched[id], E.departed[id] = nil, nil
end

function E.forgetMoves()
  if call('EXISTS', K .. 'departed') == 1 then
    local entries, over, ids = call('LRANGE', K .. 'departed', 0, 199), 0, {}
    for _, entry in ipairs(entries) do
      if tonumber(sub(entry, 1, 13)) + rememberedMs > now then break end
      over, ids[over + 1] = over + 1, sub(entry, 14)
    end
    if over > 0 then call('LPOP', K .. 'departed', over) end
    E.loadAll(ids)
    for _, id in ipairs(ids) do forgetDeparted(id) end
  end
  local day = math.floor(now / 86400000)
  for past = day - ticketDays - 8, day - ticketDays - 1 do call('UNLINK', ticketsOf(past)) end
end

-- The tickets under which these ids have arrived, by day: '' for the days of others.
function E.ticketsFor(ids)
  local found, day = {}, math.floor(now / 86400000)
  for at = day - ticketDays, day + 1 do
    if call('EXISTS', ticketsOf(at)) == 1 then found[#found + 1] = readAll(ticketsOf(at), ids) end
  end
  return found
end

function E.rememberTickets(pairs) setAll(ticketsOf(math.floor(now / 86400000)), pairs) end
