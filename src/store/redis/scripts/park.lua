-- ARGV: now, monotonic, incarnation, handle, number of the last arrival it knows of, queues (JSON).
local me, seen = ARGV[3], tonumber(ARGV[5])
if call('HEXISTS', K .. 'lives', me) == 0 or call('HEXISTS', K .. 'called', me) == 1 then return 'control' end
local queues = cjson.decode(ARGV[6])
for _, queue in ipairs(queues) do
  local known = call('HMGET', K .. 'queues', 'p' .. queue, 'a' .. queue)
  if not known[1] and known[2] and tonumber(known[2]) > seen then return 'work' end
end
call('HSET', K .. 'parked', me, ARGV[6])
for _, queue in ipairs(queues) do call('HSET', K .. 'park:' .. queue, me, ARGV[4]) end
return 'parked'
