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

-- What an incarnation runs as a step under this claim.
local function stepUnder(claim, run)
  local at = #claim + 1
  if not run or byte(run, at) ~= 42 or sub(run, 1, at - 1) ~= claim then return nil end
  return { seq = sub(run, at + 16, at + 30), kind = sub(run, at + 31, at + 40), waiters = linesOf(sub(run, at + 41), 62) }
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
  for index, run in ipairs(readAll(K .. 'running', missing)) do
    if run and byte(run) == 98 then
      local slash = find(run, '/', 28, true)
      blocked[missing[index]] = {
        rank = sub(run, 2, 2), kind = sub(run, 3, 12), seq = sub(run, 13, 27),
        open = tonumber(sub(run, 28, slash - 1)), edges = sub(run, slash + 1),
      }
    end
  end
end

-- Waiters as lines; true if all of them are blocked steps.
local function areBlocked(lines)
  local ids = {}
  for index, line in ipairs(lines) do ids[index] = sub(line, 25) end
  readBlocked(ids)
  for index, line in ipairs(lines) do
    local step = blocked[ids[index]]
    if not step or step.seq ~= sub(line, 1, 15) then return false end
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

local function flushSteps()
  local runs, lines = {}, {}
  for _, id in ipairs(readied) do
    local step, place = told[id], newPlace()
    told[id], blocked[id], placed[id] = nil, nil, place
    runs[#runs + 1], runs[#runs + 2] = id, 'r' .. place
    local queue = kindOf(step.kind).queue
    local spot = step.rank .. ':' .. queue
    lines[spot] = lines[spot] or {}
    table.insert(lines[spot], id)
    arrived[queue] = true
    count(queue, 'b', -1)
    count(queue, 'r', 1)
  end
  for id, step in pairs(told) do
    runs[#runs + 1], runs[#runs + 2] = id, 'b' .. step.rank .. step.kind .. step.seq .. step.open .. '/' .. step.edges
  end
  for spot, ids in pairs(lines) do push(K .. 'line:' .. spot, folded(ids)) end
  setAll(K .. 'running', runs)
  told, readied = {}, {}
end

-- How members have ended, of these as index, number and id: index, id, state, result, error of each; false where it has not.
local function endsOf(members, spareId)
  local ids, missing, ends = {}, {}, {}
  for at, member in ipairs(members) do ids[at] = member[3] end
  local runs = readAll(K .. 'running', ids)
  for at, member in ipairs(members) do
    local run, known = runs[at], E and E.jobs[ids[at]]
    if run and byte(run) == 115 and byte(run, 28) == 42 and not (known and not known.ending) then
      ends[at] = sub(run, 29, 43) == member[2] and { member[1], member[3], 's', sub(run, 44), '' }
    else
      missing[#missing + 1] = ids[at]
    end
  end
  if #missing > 0 then
    engine(spareId)
    E.loadAll(missing)
  end
  for at, member in ipairs(members) do
    if ends[at] == nil then ends[at] = E.endOf(member[1], member[3], member[2]) or false end
  end
  return ends
end

-- Those that are told it of its members, and the rest, of each step in this order.
local function membersOf(tails, spareId)
  local members, lists, owners = {}, {}, {}
  for index, tail in ipairs(tails) do
    lists[index] = {}
    for at, line in ipairs(linesOf(tail, 60)) do
      members[#members + 1], owners[#owners + 1] = { at - 1, sub(line, 1, 15), sub(line, 16) }, index
    end
  end
  for at, ended in ipairs(endsOf(members, spareId)) do
    if ended then table.insert(lists[owners[at]], ended) end
  end
  return lists
end

-- Of steps that are claimed: what is written in `running`, and what their workers are told of their members, as of any job.
local function startSteps(claim, ids, raws, spareId)
  local tails, missing, runs, beside = {}, {}, {}, {}
  for index, id in ipairs(ids) do
    tails[index] = tailOf(raws[index])
    if not placed[id] then missing[#missing + 1] = id end
  end
  for index, run in ipairs(readAll(K .. 'running', missing)) do placed[missing[index]] = run and sub(run, 2, 16) or nil end
  local lists = membersOf(tails, spareId)
  for index, id in ipairs(ids) do
    local raw, tail = raws[index], tails[index]
    local seq, waiters = sub(raw, 15, 29), byte(tail) == 62 and 1 or (find(tail, '\n>', 1, true) or #tail) + 1
    runs[index] = claim .. '*' .. (placed[id] or seq) .. seq .. sub(raw, 32, 41) .. sub(tail, waiters)
    if byte(tail) == 35 then
      engine(spareId)
      beside[index] = E.handOver(E.load(id))
    else
      beside[index] = { lists[index], '', {}, '' }
    end
  end
  return runs, beside
end
