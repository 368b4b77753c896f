-- The order of insertion: a list of entries, each of one id or several, and before it, by position, what has lived long. The
-- ids of entry n, counted from the first that ever was, stand at 32 n + 1 and after it.
local width, portion = 32, 10

local function offset() return tonumber(call('HGET', K .. 'meta', 'o') or '0') end

local function addEntry(ids, positions, entry, number)
  for index, id in ipairs(unfolded({ entry })) do
    ids[#ids + 1], positions[#positions + 1] = id, number * width + index
  end
end

local function addOld(ids, positions, flat)
  for index = 1, #flat, 2 do ids[#ids + 1], positions[#positions + 1] = flat[index], tonumber(flat[index + 1]) end
end

-- Ids behind a position, from the oldest on, and their positions.
function E.orderAfter(passed, number)
  local ids, positions, gone = {}, {}, offset()
  if passed < gone * width then
    local before = '(' .. text(gone * width)
    addOld(ids, positions, call('ZRANGEBYSCORE', K .. 'old', '(' .. text(passed), before, 'WITHSCORES', 'LIMIT', 0, number))
    if #ids > 0 then return ids, positions end
  end
  local entry = math.max(gone, math.floor(passed / width))
  while #ids < number do
    local entries = call('LRANGE', K .. 'order', entry - gone, entry - gone + portion - 1)
    if #entries == 0 then break end
    for index, each in ipairs(entries) do addEntry(ids, positions, each, entry + index - 1) end
    while positions[1] and positions[1] <= passed do
      table.remove(ids, 1)
      table.remove(positions, 1)
    end
    entry = entry + #entries
  end
  for index = #ids, number + 1, -1 do ids[index], positions[index] = nil, nil end
  return ids, positions
end

-- Ids before a position or the end, from the newest on, their positions, and whether there are older ones.
function E.orderBefore(before, number)
  local ids, positions, gone = {}, {}, offset()
  local last = gone + call('LLEN', K .. 'order') - 1
  before = math.min(before or math.huge, (last + 1) * width)
  local entry = math.floor((before - 1) / width)
  while #ids < number and entry >= gone do
    local from = math.max(gone, entry - portion + 1)
    local entries = call('LRANGE', K .. 'order', from - gone, entry - gone)
    for index = #entries, 1, -1 do
      local some, places = {}, {}
      addEntry(some, places, entries[index], from + index - 1)
      for at = #some, 1, -1 do
        if places[at] < before and #ids < number then ids[#ids + 1], positions[#positions + 1] = some[at], places[at] end
      end
    end
    entry = from - 1
  end
  local oldest = positions[#positions]
  if not oldest or (oldest == gone * width + 1 and #ids < number) then
    local till = '(' .. text(math.min(before, gone * width + 1))
    addOld(ids, positions, call('ZREVRANGEBYSCORE', K .. 'old', till, '-inf', 'WITHSCORES', 'LIMIT', 0, number - #ids))
  end
  oldest = positions[#positions]
  local older = oldest and (oldest > gone * width + 1 or call('ZCOUNT', K .. 'old', '-inf', '(' .. text(oldest)) > 0)
  return ids, positions, older or false
end

-- Takes about so many of the oldest ids from the list.
function E.popOrder(number)
  local ids, positions, entry = {}, {}, offset()
  while #ids < number do
    local entries = call('LPOP', K .. 'order', portion)
    if not entries then break end
    for _, each in ipairs(entries) do
      addEntry(ids, positions, each, entry)
      entry = entry + 1
    end
  end
  call('HSET', K .. 'meta', 'o', text(entry))
  call('HINCRBY', K .. 'meta', 'w', -#ids)
  return ids, positions
end
