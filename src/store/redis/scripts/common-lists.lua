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
-- Ids mostly have one length: then nothing stands between them, and nothing has to be looked for.
local idLength = 36
local function textsOf(packed, ending, number)
  if ending ~= '' then return unpacked(packed, ending, number) end
  local ids = {}
  for index = 1, number do ids[index] = sub(packed, (index - 1) * idLength + 1, index * idLength) end
  return ids
end
-- In one text where they have that length.
local function idTexts(ids)
  for index = 1, #ids do
    if #ids[index] ~= idLength then return ids end
  end
  return table.concat(ids)
end
local function push(key, values)
  inPieces(values, 1, function(...) call('RPUSH', key, ...) end)
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
