-- `unpack` fails at some 8,000 values, in the middle of a script: long commands go in pieces.
local function inPieces(values, width, send)
  local count = #values
  if count == 0 then return end
  if count <= 4000 then return send(unpack(values)) end
  local size = 4000 - 4000 % width
  for from = 1, count, size do send(unpack(values, from, math.min(from + size - 1, count))) end
end
-- What a call has packed into one argument.
local function unpacked(packed, ending, number)
  local parts, from, width = {}, 1, #ending
  for index = 1, number do
    local to = find(packed, ending, from, true)
    parts[index], from = sub(packed, from, to - 1), to + width
  end
  return parts
end
-- Ids of the usual length that were made in one moment begin alike. A list keeps a few of them in one entry: a mark, what
-- they share, and the rest of each. Other entries are an id each, behind another mark where it begins with a mark.
local idLength, headLength, restLength, mostFolded = 36, 19, 17, 25
-- Where records and runs of an id lie (see drawers), which its head alone tells; and of ids that were read from one list or
-- argument, where all of them lie: false if not in one drawer.
local drawers, timeLength = { byHead = {}, ofAll = {} }, 10
function drawers.atHead(head)
  local drawer = drawers.byHead[head]
  if not drawer then
    drawer = find(head, '^%x%x%x%x%x%x%x%x%-%x%x%x%x%-7%x%x%x%-$') and sub(head, 1, timeLength) or ''
    drawers.byHead[head] = drawer
  end
  return drawer
end
function drawers.of(id) return #id == idLength and drawers.atHead(sub(id, 1, headLength)) or '' end
function drawers.note(ids, drawer)
  local known = drawers.ofAll[ids]
  if known == nil then drawers.ofAll[ids] = drawer elseif known ~= drawer then drawers.ofAll[ids] = false end
end
local function alone(id)
  local first = byte(id)
  return (first == 1 or first == 2) and '\2' .. id or id
end
local function folded(ids)
  local entries, from, number = {}, 1, #ids
  while from <= number do
    local head, rests, to = sub(ids[from], 1, headLength), {}, from
    while ids[to] and to - from < mostFolded and #ids[to] == idLength and sub(ids[to], 1, headLength) == head do
      rests[to - from + 1] = sub(ids[to], headLength + 1)
      to = to + 1
    end
    entries[#entries + 1] = to - from > 1 and '\1' .. head .. table.concat(rests) or alone(ids[from])
    from = math.max(to, from + 1)
  end
  return entries
end
-- Behind the `at` ids that are there already. Answers how many there are.
local function unfold(entries, ids, at)
  for index = 1, #entries do
    local entry = entries[index]
    local mark = byte(entry)
    if mark == 1 then
      local head = sub(entry, 2, headLength + 1)
      drawers.note(ids, drawers.atHead(head))
      for from = headLength + 2, #entry, restLength do
        at = at + 1
        ids[at] = head .. sub(entry, from, from + restLength - 1)
      end
    else
      at = at + 1
      ids[at] = mark == 2 and sub(entry, 2) or entry
      drawers.note(ids, drawers.of(ids[at]))
    end
  end
  return at
end
local function unfolded(entries)
  local ids = {}
  unfold(entries, ids, 0)
  return ids
end
-- Ids that a call has packed: their rests where `form` is JSON of what they begin with and how many do, else each with
-- `form` behind it. Answers them, and the entries of a list that has them all.
local function idsOf(packed, form, number)
  if byte(form) ~= 91 then
    local ids = unpacked(packed, form, number)
    return ids, folded(ids)
  end
  local ids, entries, at, from = {}, {}, 0, 1
  local runs = cjson.decode(form)
  for run = 1, #runs, 2 do
    local head, last = runs[run], at + runs[run + 1]
    drawers.note(ids, drawers.atHead(head))
    for first = at + 1, last, mostFolded do
      local count = math.min(mostFolded, last - first + 1)
      entries[#entries + 1] = '\1' .. head .. sub(packed, from, from + count * restLength - 1)
      for index = first, first + count - 1 do
        ids[index] = head .. sub(packed, from, from + restLength - 1)
        from = from + restLength
      end
    end
    at = last
  end
  return ids, entries
end
-- In one text where they have the usual length.
local function idTexts(ids)
  for index = 1, #ids do
    if #ids[index] ~= idLength then return ids end
  end
  return table.concat(ids)
end
local function cutIds(text)
  local ids = {}
  for from = 1, #text, idLength do ids[#ids + 1] = sub(text, from, from + idLength - 1) end
  return ids
end
local function push(key, values)
  inPieces(values, 1, function(...) call('RPUSH', key, ...) end)
end
-- To the head of a list, where they stood before.
local function pushBack(key, ids)
  local entries, reversed = folded(ids), {}
  for index = #entries, 1, -1 do reversed[#reversed + 1] = entries[index] end
  inPieces(reversed, 1, function(...) call('LPUSH', key, ...) end)
end
-- The first ids of a list, at most so many. Where they stand alone, more and more are read at once.
local function popIds(key, number)
  local ids, at, entries, rest = {}, 0, math.ceil(number / mostFolded), {}
  while at < number do
    local popped = call('LPOP', key, entries)
    if not popped then break end
    local before = at
    at = unfold(popped, ids, at)
    if #popped < entries then break end
    local alone = at - before == #popped
    entries = alone and math.min(entries * 4, number - at) or math.ceil((number - at) / mostFolded)
  end
  for index = number + 1, at do ids[index], rest[index - number] = nil, ids[index] end
  if at > number then pushBack(key, rest) end
  return ids
end
local function setAll(key, pairs)
  inPieces(pairs, 2, function(...) call('HSET', key, ...) end)
end
local function forget(key, fields)
  inPieces(fields, 1, function(...) call('HDEL', key, ...) end)
end
local function readAll(key, fields)
  local count = #fields
  if count == 0 then return {} end
  if count <= 4000 then return call('HMGET', key, unpack(fields)) end
  local values = {}
  for from = 1, count, 4000 do
    local to = math.min(from + 3999, count)
    local part = call('HMGET', key, unpack(fields, from, to))
    for index = 1, to - from + 1 do values[from + index - 1] = part[index] end
  end
  return values
end
