-- Where records (`jobs`) and runs (`running`) are kept: in drawers, a hash of each for all ids that were made in the same 4,096 ms,
-- and one for ids that do not begin with a time. So what lives is not looked for among all that has ended, and a hash that
-- grows does not take what ended long ago along.
do
  local mostInList, longValue = 16, string.rep('-', 65)

  local function keyIn(kind, drawer) return K .. kind .. ':' .. drawer end

  -- The drawer of all these ids, of which each is the first of `width` values, if they share one: mostly they do.
  local function sharedDrawer(values, width)
    local drawer = drawers.of(values[1])
    for at = width + 1, #values, width do
      if drawers.of(values[at]) ~= drawer then return nil end
    end
    return drawer
  end

  -- By drawer: these values, and where each stood.
  local function partsOf(values, width)
    local parts = {}
    for at = 1, #values, width do
      local drawer = drawers.of(values[at])
      local part = parts[drawer] or { values = {}, places = {} }
      parts[drawer] = part
      for each = at, at + width - 1 do
        part.values[#part.values + 1], part.places[#part.places + 1] = values[each], each
      end
    end
    return parts
  end

  -- `known` is the drawer of them all.
  local function eachDrawer(values, width, known, act)
    if #values == 0 then return end
    local drawer = known or sharedDrawer(values, width)
    if drawer then return act(drawer, values) end
    for each, part in pairs(partsOf(values, width)) do act(each, part.values, part.places) end
  end

  function drawers.get(kind, id) return call('HGET', keyIn(kind, drawers.of(id)), id) end

  function drawers.read(kind, ids)
    local found = {}
    eachDrawer(ids, 1, drawers.ofAll[ids], function(drawer, some, places)
      local values = readAll(keyIn(kind, drawer), some)
      if not places then found = values else
        for index, place in ipairs(places) do found[place] = values[index] end
      end
    end)
    return found
  end

  function drawers.readBoth(ids) return drawers.read('jobs', ids), drawers.read('running', ids) end

  -- Of each an id, and what is kept of it.
  function drawers.write(kind, values, known)
    eachDrawer(values, 2, known, function(drawer, some)
      local key = keyIn(kind, drawer)
      -- A small hash is a list that is looked through for every field, unless it has a long value.
      if kind == 'running' and #some > mostInList then call('HSETNX', key, '', longValue) end
      setAll(key, some)
    end)
  end

  function drawers.forget(kind, ids)
    eachDrawer(ids, 1, nil, function(drawer, some)
      local key = keyIn(kind, drawer)
      forget(key, some)
      if kind == 'running' and call('HLEN', key) == 1 then call('HDEL', key, '') end
    end)
  end
end
