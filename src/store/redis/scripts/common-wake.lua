-- Wakes one of the workers that sleep on a queue. It is taken from all the queues it sleeps on, so that
-- the next arrival wakes another one.
local function unpark(life, left)
  local queues = call('HGET', K .. 'parked', life)
  if not queues then return nil end
  call('HDEL', K .. 'parked', life)
  local handle
  for _, queue in ipairs(cjson.decode(queues)) do
    if queue ~= left then
      handle = call('HGET', K .. 'park:' .. queue, life) or handle
      call('HDEL', K .. 'park:' .. queue, life)
    end
  end
  return handle
end
-- True for one that sleeps on this queue and comes by itself: it sleeps no more.
local function comes(queue, life)
  if call('HDEL', K .. 'park:' .. queue, life) == 0 then return false end
  unpark(life, queue)
  return true
end
local function wake(queue)
  for _ = 1, 8 do
    local life = call('HRANDFIELD', K .. 'park:' .. queue)
    if not life then return end
    local handle = unpark(life)
    -- Whom nobody hears any more has died in its sleep.
    if handle and call('PUBLISH', K .. 'to:' .. handle, 'w' .. life) > 0 then return end
  end
end
local function wakeFor(life)
  local handle = unpark(life)
  if handle then call('PUBLISH', K .. 'to:' .. handle, 'c' .. life) end
end
