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
-- `near` is one that comes by itself, if it sleeps on this queue.
local function wake(queue, near)
  if near and call('HEXISTS', K .. 'park:' .. queue, near) == 1 then
    unpark(near)
    return
  end
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
