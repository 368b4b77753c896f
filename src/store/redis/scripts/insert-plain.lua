-- Plain jobs that are all new: the short way. Anything else is answered 'slow', with nothing written.
-- ARGV: now, monotonic, groups (JSON of [queue, rank, kind]) and kinds, group of each job (one byte each), form of the
-- ids, packed ids, packed bodies (input, line end and extras), what all bodies end with, and the numbers of jobs in
-- their call, of four digits each; then, where a worker of the caller's sleeps on the queue and will take a turn at
-- once, its incarnation.
local named = cjson.decode(ARGV[3])
local groups = named[1]
local records = {}
local total = #ARGV[4]
local ids, entries = idsOf(ARGV[6], ARGV[5], total)
local bodies = unpacked(ARGV[7], '\0', total)

for _, kind in ipairs(readAll(K .. 'kinds', named[2])) do
  if not kind then return 'kinds' end
end
local known = readAll(K .. 'jobs', ids)
for index = 1, total do
  if known[index] then return 'slow' end
end

local number = call('HINCRBY', K .. 'meta', 'n', 1)
local head = 'r' .. nowText .. format('%011d', number)
local begins = {}
for group, name in ipairs(groups) do begins[group] = name[2] .. '-' .. name[3] .. '\n' end
local begin, ending, digits = begins[1], ARGV[8], ARGV[9]
for index = 1, total do
  if #groups > 1 then begin = begins[byte(ARGV[4], index) - 32] end
  records[2 * index - 1] = ids[index]
  records[2 * index] = head .. sub(digits, 4 * index - 3, 4 * index) .. begin .. bodies[index] .. ending
end
setAll(K .. 'jobs', records)
if listened then
  for index = 1, total do tellPlainly('enqueued', ids[index], records[2 * index], 'r', 0) end
  publishEvents()
end
push(K .. 'order', entries)
call('HINCRBY', K .. 'meta', 'w', total)

-- In one line the order of the call stays, whatever groups stand there.
local lines, lineOf = {}, {}
for group, name in ipairs(groups) do
  local spot = name[2] .. ':' .. name[1]
  if not lines[spot] then lines[spot] = { ids = #groups > 1 and {} or ids, queue = name[1] } end
  lineOf[group] = lines[spot].ids
end
if #groups > 1 then
  for index = 1, total do
    local line = lineOf[byte(ARGV[4], index) - 32]
    line[#line + 1] = ids[index]
  end
end
for spot, line in pairs(lines) do
  local queue = line.queue
  push(K .. 'line:' .. spot, line.ids == ids and entries or folded(line.ids))
  call('HINCRBY', K .. 'counts', 'r' .. queue, #line.ids)
  call('HSET', K .. 'queues', 'a' .. queue, number)
  if call('EXISTS', K .. 'park:' .. queue) == 1 then wake(queue, ARGV[10]) end
end
return 'inserted'
