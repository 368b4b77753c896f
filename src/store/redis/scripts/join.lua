-- ARGV: now, monotonic, incarnation, lease, worker (JSON).
local life = { id = ARGV[3], deadline = 0, lease = tonumber(ARGV[4]), epoch = 0 }
life.joined = text(call('HINCRBY', K .. 'meta', 'j', 1))
E.renew(life)
call('HSET', K .. 'workers', life.id, nowText .. ' ' .. ARGV[5])
return 'joined'
