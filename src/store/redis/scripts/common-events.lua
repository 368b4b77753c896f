-- What happens to jobs is published while somebody listens, at the end of the call.
local listened = call('EXISTS', K .. 'listeners') == 1
local events = {}

-- Queue, task and retention of a job, read once for all that share them.
local kinds = {}
local function kindOf(kind)
  local known = kinds[kind]
  if not known then
    local json = call('HGET', K .. 'kinds', kind)
    local parts = cjson.decode(json)
    known = { json = json, queue = parts[1], task = parts[2], succeeded = parts[3], failed = parts[4] }
    kinds[kind] = known
  end
  return known
end

-- A server that was emptied knows none of the kinds that its callers remember. Of a wanted job or follow-up: its own,
-- and those of its follow-ups.
local function knowsKinds(wanted)
  local features = wanted.features or {}
  for _, kind in ipairs({ wanted.kind, (features.s or wanted).k or wanted.kind, (features.x or wanted).k or wanted.kind }) do
    if not kinds[kind] then
      if call('HEXISTS', K .. 'kinds', kind) == 0 then return false end
      kindOf(kind)
    end
  end
  return true
end

-- `more` names a further field and `value` is its text.
local function tell(happened, id, kind, state, attempt, extras, more, value)
  events[#events + 1] = { happened, id, kindOf(kind).json, state, attempt, extras, more or '', value or '' }
end

-- Of a plain or light job, given its record.
local function tellPlainly(happened, id, raw, state, attempt)
  local one = find(raw, '\n', 32, true)
  local two = find(raw, '\n', one + 1, true)
  local extras = sub(raw, two + 1, (find(raw, '\n', two + 1, true) or 0) - 1)
  tell(happened, id, sub(raw, 32, one - 1), state, attempt, extras)
end

local function publishEvents()
  for from = 1, #events, 200 do
    local part = {}
    for index = from, math.min(from + 199, #events) do part[#part + 1] = events[index] end
    local number = call('HINCRBY', K .. 'meta', 'e', 1)
    call('PUBLISH', K .. 'events', cjson.encode({ number, nowText, part }))
  end
  events = {}
end
