-- Wakes one of the workers that sleep on a queue. It is taken from all the queues it sleeps on, so that
-- the next arrival wakes another one.
local function unpark(life)
  local queues = call('HGET', K .. 'parked', life)
  if not queues then return nil end
  call('HDEL', K .. 'parked', life)
  local handle
  for _, queue in ipairs(cjson.decode(queues)) do
    handle = call('HGET', K .. 'park:' .. queue, life) or handle
    call('HDEL', K .. 'park:' .. queue, life)
  end
  return handle
end
local function wake(queue)
  local sleepers = call('HKEYS', K .. 'park:' .. queue)
  local life = sleepers[1]
  if not life then return end
  local handle = unpark(life)
  if handle then call('PUBLISH', K .. 'to:' .. handle, 'w' .. life) end
end
local function wakeFor(life)
  local handle = unpark(life)
  if handle then call('PUBLISH', K .. 'to:' .. handle, 'c' .. life) end
end
