-- Plain jobs that are all new: the short way. Anything else is answered 'slow', with nothing written.
-- ARGV: now, monotonic, lines (JSON of [queue, rank]) and kinds, line of each job (one byte each), form of the ids, packed
-- ids, packed records without what is told here (when they came, and the number of their call); then, where a worker of
-- the caller's sleeps on the queue and will take a turn at once, its incarnation.
local named = cjson.decode(ARGV[3])
local lines = named[1]
local total = #ARGV[4]
local ids, entries = idsOf(ARGV[6], ARGV[5], total)

for _, kind in ipairs(readAll(K .. 'kinds', named[2])) do
  if not kind then return 'kinds' end
end
local known = drawers.read('jobs', ids)
for index = 1, total do
  if known[index] then return 'slow' end
end

local number = call('HINCRBY', K .. 'meta', 'n', 1)
local head = 'r' .. nowText .. format('%011d', number)
local records, packed, from = {}, ARGV[7], 1
for index = 1, total do
  local to = find(packed, '\0', from, true)
  records[2 * index - 1], records[2 * index] = ids[index], head .. sub(packed, from, to - 1)
  from = to + 1
end
drawers.write('jobs', records, drawers.ofAll[ids])
if listened then
  for index = 1, total do tellPlainly('enqueued', ids[index], records[2 * index], 'r', 0) end
  publishEvents()
end
push(K .. 'order', entries)
call('HINCRBY', K .. 'meta', 'w', total)

-- In one line the order of the call stays.
local idsIn = { ids }
if #lines > 1 then
  for line = 1, #lines do idsIn[line] = {} end
  for index = 1, total do
    local line = idsIn[byte(ARGV[4], index) - 32]
    line[#line + 1] = ids[index]
  end
end
for line, name in ipairs(lines) do
  local queue, rank = name[1], name[2]
  push(K .. 'line:' .. rank .. ':' .. queue, #lines == 1 and entries or folded(idsIn[line]))
  call('HINCRBY', K .. 'counts', 'r' .. queue, #idsIn[line])
  call('HSET', K .. 'queues', 'a' .. queue, number)
  local woken = ARGV[8] and comes(queue, ARGV[8])
  if not woken and call('EXISTS', K .. 'park:' .. queue) == 1 then wake(queue) end
end
return 'inserted'
