-- Counters, statistics, events and wake-ups: gathered over the call and written once.
E.counts, E.arrived, E.tallies, E.ended, E.events = {}, {}, {}, {}, {}
E.listened = call('EXISTS', K .. 'listeners') == 1

function E.count(queue, state, number)
  local field = state .. queue
  E.counts[field] = (E.counts[field] or 0) + number
end

-- The only place where a job's state changes, so that the counters cannot stray.
function E.setState(job, state)
  E.count(job.queue, job.state, -1)
  E.count(job.queue, state, 1)
  job.state = state
  E.touch(job)
end

function E.tally(task, outcome, ranMs, number)
  local row = E.tallies[outcome .. task]
  if not row then
    row = { 0, 0 }
    E.tallies[outcome .. task] = row
  end
  row[1], row[2] = row[1] + (number or 1), row[2] + ranMs
end

function E.attempt(job) return (job.f.a or 0) + (job.state == 'u' and 1 or 0) end

-- `more` names a further field and `value` is its text.
function E.tell(kind, job, more, value)
  if not E.listened then return end
  E.events[#E.events + 1] = { kind, job.id, job.kind, job.state, E.attempt(job), job.extras, more or '', value or '' }
end

local function publishEvents()
  for from = 1, #E.events, 200 do
    local part = {}
    for index = from, math.min(from + 199, #E.events) do part[#part + 1] = E.events[index] end
    local number = call('HINCRBY', K .. 'meta', 'e', 1)
    call('PUBLISH', K .. 'events', cjson.encode({ number, nowText, part }))
  end
end

local function writeTallies()
  if next(E.tallies) == nil then return end
  local minute = text(math.floor(now / 60000))
  call('ZADD', K .. 'minutes', minute, minute)
  for name, row in pairs(E.tallies) do
    call('HINCRBY', K .. 'minute:' .. minute, 'n' .. name, row[1])
    call('HINCRBY', K .. 'minute:' .. minute, 'r' .. name, text(row[2]))
  end
end

-- Those who wait for the end of one of these jobs, in any process, are told its id.
local function tellEnded()
  if #E.ended == 0 or call('EXISTS', K .. 'watch') == 0 then return end
  local watchers = readAll(K .. 'watch', E.ended)
  for index, id in ipairs(E.ended) do
    if watchers[index] then
      call('HDEL', K .. 'watch', id)
      for handle in string.gmatch(watchers[index], '%S+') do call('PUBLISH', K .. 'to:' .. handle, 'f' .. id) end
    end
  end
end

function E.flush()
  E.flushJobs()
  for field, number in pairs(E.counts) do
    if number ~= 0 then call('HINCRBY', K .. 'counts', field, number) end
  end
  if next(E.arrived) ~= nil then
    local stamp = call('HINCRBY', K .. 'meta', 'n', 1)
    for queue in pairs(E.arrived) do
      call('HSET', K .. 'queues', 'a' .. queue, stamp)
      if call('EXISTS', K .. 'park:' .. queue) == 1 then wake(queue) end
    end
  end
  writeTallies()
  publishEvents()
  tellEnded()
  E.counts, E.arrived, E.tallies, E.ended, E.events = {}, {}, {}, {}, {}
end
