-- Plain jobs that are all new: the short way. Anything else is answered 'slow', with nothing written.
-- ARGV: now, monotonic, groups (JSON of [queue, rank]) and kinds, group of each job (one byte each), what parts
-- end with, and packed: id and record of each job; the record is without its first 25 characters, which are the
-- same for all.
local named = cjson.decode(ARGV[3])
local groups = named[1]
local ids, records = {}, {}
local total = #ARGV[4]
local parts = unpacked(ARGV[6], ARGV[5], 2 * total)
for index = 1, total do ids[index] = parts[2 * index - 1] end

for _, kind in ipairs(readAll(K .. 'kinds', named[2])) do
  if not kind then return 'kinds' end
end
local known = readAll(K .. 'jobs', ids)
for index = 1, total do
  if known[index] then return 'slow' end
end

local number = call('HINCRBY', K .. 'meta', 'n', 1)
local head = 'r' .. nowText .. format('%011d', number)
for index = 1, total do
  records[2 * index - 1] = ids[index]
  records[2 * index] = head .. parts[2 * index]
end
setAll(K .. 'jobs', records)
if listened then
  for index = 1, total do tellPlainly('enqueued', ids[index], records[2 * index], 'r', 0) end
  publishEvents()
end
push(K .. 'order', ids)

local lines = { ids }
if #groups > 1 then
  lines = {}
  for group = 1, #groups do lines[group] = {} end
  for index = 1, total do
    local line = lines[byte(ARGV[4], index) - 32]
    line[#line + 1] = ids[index]
  end
end
for group, place in ipairs(groups) do
  local queue = place[1]
  push(K .. 'line:' .. place[2] .. ':' .. queue, lines[group])
  call('HINCRBY', K .. 'counts', 'r' .. queue, #lines[group])
  call('HSET', K .. 'queues', 'a' .. queue, number)
  if call('EXISTS', K .. 'park:' .. queue) == 1 then wake(queue) end
end
return 'inserted'
