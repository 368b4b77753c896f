-- Lives of workers: leases, and what is left for them to be told.
function E.life(id)
  local raw = call('HGET', K .. 'lives', id)
  if not raw then return nil end
  local deadline, lease, joined, epoch = string.match(raw, '^(%S+) (%S+) (%S+) (%S+)')
  return { id = id, deadline = tonumber(deadline), lease = tonumber(lease), joined = joined, epoch = tonumber(epoch) }
end

function E.writeLife(life)
  call('HSET', K .. 'lives', life.id, format('%.17g', life.deadline) .. ' ' .. text(life.lease) .. ' ' .. life.joined .. ' ' .. text(life.epoch))
end

function E.renew(life)
  life.deadline = mono + life.lease
  E.writeLife(life)
end

-- A lease is written only after a third of it, however often its worker calls; and where a silence of the store has given
-- it more than its length, since its worker is heard again.
function E.isStale(life)
  local left = life.deadline - mono
  return left <= life.lease * 2 / 3 or left > life.lease
end

-- All that are believed alive, in the order in which they joined.
function E.lives()
  local ids, lives = call('HKEYS', K .. 'lives'), {}
  for index, id in ipairs(ids) do lives[index] = E.life(id) end
  table.sort(lives, function(a, b) return tonumber(a.joined) < tonumber(b.joined) end)
  return lives
end

function E.callLife(id)
  call('HSET', K .. 'called', id, 1)
  wakeFor(id)
end

-- From here on every turn of it is answered 'gone'. Silence is final.
function E.markGone(id)
  call('HDEL', K .. 'lives', id)
  call('HDEL', K .. 'workers', id)
  call('HDEL', K .. 'called', id)
  call('DEL', K .. 'messages:' .. id, K .. 'cancels:' .. id, K .. 'suspected:' .. id)
  wakeFor(id)
end

-- The job of this claim, if this incarnation still runs it under exactly this claim.
function E.fenced(life, id, claim)
  local job = E.load(id)
  if not job or job.state ~= 'u' or job.claim ~= claim then return nil end
  local known = E.claim(claim)
  return known and known.life == life and job or nil
end

-- As if it had not been claimed, except that its claim is used up, and its start, if it has started.
function E.takeBack(job, delayMs, started)
  if not started then E.forgetStart(job) end
  E.letGo(job)
  if started then
    E.dropExpiry(job)
  else
    E.watchExpiry(job)
    job.f.st = nil
  end
  if job.f.cr then return E.finish(job, 'c') end
  -- In a lane that keeps its order nobody goes past it.
  if delayMs > 0 then E.putOff(job, delayMs, job.f.lo) else E.lineUpAgain(job) end
  E.tell('given back', job)
end

-- Latest of each kind, each with its number and whether it was told.
function E.messages(id, all)
  local raw, list = call('HGETALL', K .. 'messages:' .. id), {}
  for index = 1, #raw, 2 do
    local value = raw[index + 1]
    local told, number = sub(value, 1, 1) == '1', tonumber(sub(value, 2, 16))
    if all or not told then list[#list + 1] = { kind = raw[index], number = number, rest = sub(value, 2), body = sub(value, 17) } end
  end
  table.sort(list, function(a, b) return a.number < b.number end)
  return list
end
