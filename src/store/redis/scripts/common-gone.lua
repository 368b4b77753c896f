-- Ids of jobs that were pruned, by day. Each is kept as 12 digits of its hash, in one text per bucket: a set of
-- whole ids would take eight times the room.
local width, dayMs = 12, 86400000
local today = math.floor(now / dayMs)

local function hashOf(id)
  local hash = redis.sha1hex(id)
  return sub(hash, 1, 3), sub(hash, 4, 3 + width)
end

local function positionIn(hashes, hash)
  local from = 1
  while hashes do
    local at = find(hashes, hash, from, true)
    if not at or (at - 1) % width == 0 then return at end
    from = at + 1
  end
end

local function rememberGone(ids)
  local found, names, writes = {}, {}, {}
  for _, id in ipairs(ids) do
    local bucket, hash = hashOf(id)
    if not found[bucket] then
      found[bucket] = {}
      names[#names + 1] = bucket
    end
    table.insert(found[bucket], hash)
  end
  local key = K .. 'gone:' .. text(today)
  for index, known in ipairs(readAll(key, names)) do
    writes[2 * index - 1] = names[index]
    writes[2 * index] = (known or '') .. table.concat(found[names[index]])
  end
  setAll(key, writes)
end

-- The clock may have gone back over midnight.
local function isGone(id)
  local bucket, hash = hashOf(id)
  for day = today - 2, today + 1 do
    if positionIn(call('HGET', K .. 'gone:' .. text(day), bucket), hash) then return true end
  end
  return false
end

local function forgetGone(id)
  local bucket, hash = hashOf(id)
  for day = today - 2, today + 1 do
    local key = K .. 'gone:' .. text(day)
    local hashes = call('HGET', key, bucket)
    local at = positionIn(hashes, hash)
    if at then call('HSET', key, bucket, sub(hashes, 1, at - 1) .. sub(hashes, at + width)) end
  end
end

local function forgetOldDays()
  for day = 3, 9 do call('DEL', K .. 'gone:' .. text(today - day)) end
end
