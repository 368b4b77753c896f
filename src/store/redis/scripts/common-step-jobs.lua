-- Steps that are looked at as any job is: read from their tails and from `running`, and written so again as long as nothing
-- else has become of them.
local mostNear, fields = 8, { w = true, wt = true, pn = true, q = true }

local function newStep() return { members = {}, waiters = {} } end
E.newStep = newStep

function E.readStep(job, tail)
  local step = newStep()
  step.waiters = linesOf(tail, 62)
  if byte(tail) == 35 then
    step.members, job.f.w = nil, tonumber(linesOf(tail, 35)[1])
  else
    step.members = linesOf(tail, 60)
    job.f.w = #step.members > 0 and #step.members or nil
  end
  job.f.wt = #step.waiters > 0 and 1 or nil
  job.step = step
end

local function takePlace(job, place)
  job.seq = job.place
  if place ~= job.place then job.place, job.f.q = place, job.place end
end

-- True if that is what it does by what stands in `running`.
function E.waitsAsStep(job, run)
  local first = byte(run)
  if first == 98 then
    job.f.pn = tonumber(sub(run, 28, find(run, '/', 28, true) - 1))
  elseif first == 114 then
    job.state = 'r'
    takePlace(job, sub(run, 2, 16))
  else
    return false
  end
  job.overlaid = true
  return true
end

function E.runsAsStep(job, run) takePlace(job, sub(run, #job.claim + 2, #job.claim + 16)) end

local function add(lines, line)
  if find(line, '\n', 1, true) or #lines >= mostNear then return false end
  lines[#lines + 1] = line
  return true
end

-- An edge has come.
function E.nameNear(job, member, index)
  if job.step and job.step.members and not add(job.step.members, member.seq .. member.id) then job.step.members = nil end
  if not member.step then return end
  E.touch(member)
  if not add(member.step.waiters, job.seq .. format('%09d', index) .. job.id) then member.step = nil end
end

-- The edges to a member that has ended as a step stand open where nobody looks: now somebody may.
function E.closeTold(member)
  for _, line in ipairs(member.step.waiters) do
    local key, index = K .. 'edges:' .. sub(line, 1, 15), tonumber(sub(line, 16, 24))
    local raw = call('HGET', key, index)
    if raw and sub(raw, 1, 1) == '1' then call('HSET', key, index, '0' .. sub(raw, 2)) end
  end
end

local function isStill(job)
  if not job.step or job.result or not (job.f.w or job.f.wt) then return false end
  if job.state ~= 'r' and not (job.state == 'b' and job.f.pn) then return false end
  for field in pairs(job.f) do
    if not fields[field] then return false end
  end
  return not job.step.members or #job.step.members == (job.f.w or 0)
end

local function tailFor(job)
  local lines, step = {}, job.step
  if not step.members then lines[1] = '#' .. job.f.w end
  for _, line in ipairs(step.members or {}) do lines[#lines + 1] = '<' .. line end
  for _, line in ipairs(step.waiters) do lines[#lines + 1] = '>' .. line end
  return table.concat(lines, '\n')
end

local function runFor(job)
  if job.state == 'b' then return 'b' .. job.rank .. job.kind .. job.seq .. job.f.pn .. '/' .. job.f.w end
  if job.f.w or job.place ~= job.seq then return 'r' .. job.place end
end

-- Its record, if it is still a step. Otherwise nothing is left of that in `running`.
function E.writeStep(job)
  if not isStill(job) then
    if job.overlaid and E.running[job.id] == nil then E.running[job.id] = false end
    job.step, job.overlaid = nil, nil
    return nil
  end
  local run = runFor(job)
  if run or job.raw then E.running[job.id] = run or false end
  job.overlaid = true
  local head = (job.f.w and 'b' or 'r') .. job.at .. job.seq .. job.rank
  return head .. '*' .. job.kind .. '\n' .. job.input .. '\n' .. job.extras .. '\n' .. tailFor(job)
end
