-- Small changes that are no job's. ARGV: now, monotonic, what, and its own.
local what = ARGV[3]

if what == 'pause' then
  local queue, paused = ARGV[4], ARGV[5] == '1'
  if paused then
    call('HINCRBY', K .. 'counts', 'r' .. queue, 0)
    call('HSET', K .. 'queues', 'p' .. queue, 1)
  elseif call('HDEL', K .. 'queues', 'p' .. queue) == 1 then
    E.arrive(queue)
  end
  E.flush()
end

-- name, slots or '', tokens or '', perMs or ''
if what == 'limit' then
  local name, slots, tokens, perMs = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
  if slots then E.pinLane(name, slots) end
  if tokens or perMs then E.pinRate(name, tokens, perMs) end
  E.flush()
end

if what == 'unpin' then
  E.unpin(ARGV[4])
  E.flush()
end

-- incarnation or 'all', kind, message (JSON)
if what == 'send' then
  local to = ARGV[4] == 'all' and call('HKEYS', K .. 'lives') or { ARGV[4] }
  for _, id in ipairs(to) do
    if call('HEXISTS', K .. 'lives', id) == 1 then
      call('HSET', K .. 'messages:' .. id, ARGV[5], '0' .. format('%015d', call('HINCRBY', K .. 'meta', 'm', 1)) .. ARGV[6])
      E.callLife(id)
    end
  end
end

-- handle, milliseconds; answers the number of the last event, and whether the lease had run out
if what == 'listen' then
  local before = call('HGET', K .. 'listeners', ARGV[4])
  call('HSET', K .. 'listeners', ARGV[4], format('%.17g', mono + tonumber(ARGV[5])))
  return { call('HGET', K .. 'meta', 'e') or '0', before and tonumber(before) > mono and 1 or 0 }
end

-- Kinds, and the digest of each before it.
if what == 'kinds' then
  for index = 4, #ARGV, 2 do call('HSETNX', K .. 'kinds', ARGV[index], ARGV[index + 1]) end
end
if what == 'unlisten' then call('HDEL', K .. 'listeners', ARGV[4]) end
return 'done'
