-- Steps: jobs that wait for others, or are waited for, and are plain otherwise. As of a plain job, the record of a step is
-- written once: what changes stands in `running`, and the tail names those nearby, so that neither edges nor lists are read.
--   tail      a line per member it waits for: `<`, number(15), id; or `#` and how many, where they are many.
--             a line per waiter: `>`, the waiter's number(15), index(9), id
--   running   blocked:  b, rank, kind(10), number(15), open edges, `/`, edges
--             ready:    r, place(15)
--             running:  claim, `*`, place(15), number(15), kind(10), lines of its waiters
--             ended:    like that of a plain job, with `*` and its number(15) before the result
-- An edge of a step whose waiter is no longer blocked counts as closed, and so does one to a member that has ended so,
-- whatever `edges` says.
local placeBase, placeIndex
local function newPlace()
  if not placeBase or placeIndex == 9999 then
    placeBase, placeIndex = format('%011d', call('HINCRBY', K .. 'meta', 'n', 1)), -1
  end
  placeIndex = placeIndex + 1
  return placeBase .. format('%04d', placeIndex)
end

local function isStep(raw) return raw and byte(raw, 31) == 42 end

-- Lines of a kind in a tail, in their order.
local function linesOf(tail, mark)
  local lines, from = {}, 1
  while from <= #tail do
    local to = find(tail, '\n', from, true) or #tail + 1
    if byte(tail, from) == mark then lines[#lines + 1] = sub(tail, from + 1, to - 1) end
    from = to + 1
  end
  return lines
end

-- What an incarnation runs as a step under this claim; of its waiters the numbers and the ids.
local waiterLine = '>(' .. string.rep('%d', 15) .. ')' .. string.rep('%d', 9) .. '([^\n]+)'
local function stepUnder(claim, run)
  local at = #claim + 1
  if not run or byte(run, at) ~= 42 or sub(run, 1, at - 1) ~= claim then return nil end
  local seqs, ids, number = {}, {}, 0
  for seq, id in string.gmatch(sub(run, at + 41), waiterLine) do
    number = number + 1
    seqs[number], ids[number] = seq, id
  end
  return { seq = sub(run, at + 16, at + 30), kind = sub(run, at + 31, at + 40), seqs = seqs, ids = ids }
end

-- Steps that are blocked, by id; false for whatever is no step or not blocked.
local blocked = {}
local function readBlocked(ids)
  local missing = {}
  for _, id in ipairs(ids) do
    if blocked[id] == nil then
      missing[#missing + 1] = id
      blocked[id] = false
    end
  end
  for index, run in ipairs(drawers.read('running', missing)) do
    if run and byte(run) == 98 then
      local slash = find(run, '/', 28, true)
      blocked[missing[index]] = {
        head = sub(run, 2, 12), seq = sub(run, 13, 27), open = tonumber(sub(run, 28, slash - 1)), edges = sub(run, slash + 1),
      }
    end
  end
end

-- Whether all of these waiters are blocked steps.
local function areBlocked(seqs, ids)
  readBlocked(ids)
  for index, id in ipairs(ids) do
    local step = blocked[id]
    if not step or step.seq ~= seqs[index] then return false end
  end
  return true
end

-- One of its edges is closed; with the last one it goes to its line.
local told, readied, placed = {}, {}, {}
local function tellStep(id)
  local step = blocked[id]
  step.open = step.open - 1
  told[id] = step
  if step.open == 0 then readied[#readied + 1] = id end
end

-- The line of those of a rank and kind, and who comes to stand in it.
local function lineFor(lines, head)
  local queue = kindOf(sub(head, 2)).queue
  local spot = sub(head, 1, 1) .. ':' .. queue
  lines[spot] = lines[spot] or { queue = queue, ids = {} }
  return lines[spot]
end

local function flushSteps()
  local runs, lines, byHead = {}, {}, {}
  for _, id in ipairs(readied) do
    local step, place, at = told[id], newPlace(), #runs
    told[id], blocked[id], placed[id] = nil, nil, place
    runs[at + 1], runs[at + 2] = id, 'r' .. place
    local line = byHead[step.head]
    if not line then
      line = lineFor(lines, step.head)
      byHead[step.head] = line
    end
    line.ids[#line.ids + 1] = id
  end
  for id, step in pairs(told) do
    runs[#runs + 1], runs[#runs + 2] = id, 'b' .. step.head .. step.seq .. step.open .. '/' .. step.edges
  end
  for spot, line in pairs(lines) do
    push(K .. 'line:' .. spot, folded(line.ids))
    arrived[line.queue] = true
    count(line.queue, 'b', -#line.ids)
    count(line.queue, 'r', #line.ids)
  end
  drawers.write('running', runs)
  told, readied = {}, {}
end

-- Whether that stands in `running` for one that has ended as a step, and nothing else has become of it in this call.
local function isStepEnd(id, run)
  if not run or byte(run) ~= 115 or byte(run, 28) ~= 42 then return false end
  local known = E and E.jobs[id]
  return not (known and not known.ending)
end

-- How these members have ended: as it stands in `running` of one that has as a step; of another `!`, state, result, and the
-- error in a line of its own; '' of one that has not.
local function endsOf(seqs, ids, spareId)
  local ends, missing, unread = {}, {}, {}
  for index, run in ipairs(drawers.read('running', ids)) do
    if isStepEnd(ids[index], run) then
      ends[index] = sub(run, 29, 43) == seqs[index] and run or ''
    else
      missing[#missing + 1], unread[#unread + 1] = index, ids[index]
    end
  end
  if #missing > 0 then
    engine(spareId)
    E.loadAll(unread)
    for _, index in ipairs(missing) do ends[index] = E.endText(ids[index], seqs[index]) end
  end
  return ends
end

-- How the members have ended that these texts have lines of, in that order.
local function endsIn(texts, spareId)
  local lines, number, seqs, ids, places = {}, 0, {}, {}, {}
  for _, text in ipairs(texts) do
    for line in string.gmatch(text, '<([^\n]+)') do
      number = number + 1
      lines[number] = line
      if not places[line] then
        local place = #ids + 1
        places[line], seqs[place], ids[place] = place, sub(line, 1, 15), sub(line, 16)
      end
    end
  end
  local ends = endsOf(seqs, ids, spareId)
  for at = 1, number do lines[at] = ends[places[lines[at]]] end
  return lines
end

-- Of steps that are claimed: what is written in `running`; what their workers are told of their members beside, by index,
-- where they are many; and the ends of the members that the other records name.
local function startSteps(claim, ids, raws, spareId)
  local texts, missing, runs, many = {}, {}, {}, {}
  for index, id in ipairs(ids) do
    if not placed[id] then missing[#missing + 1] = id end
  end
  for index, run in ipairs(drawers.read('running', missing)) do placed[missing[index]] = run and sub(run, 2, 16) or nil end
  for index, id in ipairs(ids) do
    local raw = raws[index]
    local tail = find(raw, '\n', find(raw, '\n', 43, true) + 1, true) + 1
    local first, seq = byte(raw, tail), sub(raw, 15, 29)
    local waiters = first == 62 and tail or (find(raw, '\n>', tail, true) or #raw) + 1
    runs[index] = claim .. '*' .. (placed[id] or seq) .. seq .. sub(raw, 32, 41) .. sub(raw, waiters)
    if first == 35 then
      engine(spareId)
      many[index] = E.handOver(E.load(id))
    elseif first == 60 then
      texts[#texts + 1] = sub(raw, tail, waiters - 1)
    end
  end
  return runs, many, endsIn(texts, spareId)
end
