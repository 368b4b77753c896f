-- Leaving for another store. A taken job keeps its record, with a mark, and gives up its place, so that nothing finds it.
local longestPath = 1000

-- One call hands out no more, and looks at no more. A record that is only glanced at costs a tenth.
local mostJobs, mostLooked, mostBytes = 60, 200, 131072

function E.newPage(jobs, bytes, ticket)
  return {
    list = {}, bytes = 0, looked = 0, ticket = ticket, marks = {}, ways = {},
    mostJobs = math.min(jobs, mostJobs), mostBytes = math.min(bytes, mostBytes),
  }
end

function E.isFull(page) return #page.list > 0 and (#page.list >= page.mostJobs or page.bytes >= page.mostBytes) end
function E.isWeary(page) return E.isFull(page) or page.looked >= mostLooked end

-- Index, otherwise, open and id of each; members that are gone are left out.
local function edgesFor(job)
  local rows = {}
  for _, edge in ipairs(E.edgesOf(job)) do
    local member = E.member(edge.id)
    if member and member.seq == edge.seq then
      rows[#rows + 1] = { edge.index, edge.otherwise, edge.open and 1 or 0, edge.id }
    end
  end
  return rows
end

-- '' if it does not hold its key; '-' if it does, and until when where it holds for a time.
local function holds(job)
  if not job.f.u or E.keyHolder(job) ~= job.id then return '' end
  local raw = call('HGET', K .. 'unique', job.task .. '\n' .. job.f.u.k)
  local till = sub(raw, 1, find(raw, '\n', 1, true) - 1)
  return till == '' and '-' or till
end

local function sizeOf(texts)
  local size = 0
  for _, each in ipairs(texts) do size = size + #each end
  return size
end

-- Puts a job with all that is known of it on the page.
function E.handOut(page, job)
  local f, record = job.f, E.record(job)
  local attempts = f.at and call('LRANGE', K .. 'attempts:' .. job.seq, 0, -1) or {}
  local log = f.lg and call('LRANGE', K .. 'log:' .. job.seq, 0, -1) or {}
  local steps = f.sp and call('HGETALL', K .. 'steps:' .. job.seq) or {}
  local edges = f.w and edgesFor(job) or {}
  page.bytes = page.bytes + #record + sizeOf(attempts) + sizeOf(log) + sizeOf(steps) + 60 * #edges
  page.list[#page.list + 1] = {
    job.id, f.lv.t, record, attempts, log, steps, edges,
    f.l and E.laneOf(f.l) or f.g and E.groupShown(job) or '', f.r and E.rate(f.r) and text(rateNamed(f.r).tokens) .. ' ' .. text(rateNamed(f.r).perMs) or '',
    holds(job), E.neededByOthers(job) and 1 or 0, f.lv.k or 0,
  }
end

local function mark(page, job)
  local kept = E.hasKeptSlot(job)
  E.withdraw(job)
  E.suspendExpiry(job)
  if E.isFinal(job) then E.dropRetention(job) end
  job.f.lv = { t = page.ticket, k = kept and 1 or nil }
  E.touch(job)
  page.marks[#page.marks + 1] = job.id
  page.freed = page.freed or (job.f.l or job.f.g) ~= nil
  E.freeSlot(job)
  E.handOut(page, job)
end

-- In the order in which they were taken.
function E.flushMarks(page)
  if #page.marks == 0 then return end
  local base, scores = call('HINCRBY', K .. 'meta', 'l', 1) * 1000, {}
  for index, id in ipairs(page.marks) do
    scores[#scores + 1] = text(base + index)
    scores[#scores + 1] = id
  end
  inPieces(scores, 2, function(...) call('ZADD', K .. 'leaving', ...) end)
end

-- The ends of final jobs may still have to be told to those that wait for them.
local function mayLeave(page, job)
  if job.f.lv or job.state == 'u' then return false end
  if not (job.f.wt and E.isFinal(job)) then return true end
  if page.telling == nil then page.telling = call('EXISTS', K .. 'cascades') == 1 end
  return not page.telling
end

-- It has arrived, or will be placed before those that are taken after it.
local function isAhead(page, edge)
  local member = E.same(edge.id, edge.seq)
  if not member then return true end
  return member.f.lv and (member.f.lv.a or member.f.lv.t == page.ticket)
end

-- A member that must go before this job; or those that would, had the path not come by them: a circle.
local function nextMember(page, job, on)
  local way = page.ways[job.id]
  if not way then
    way = { edges = E.edgesOf(job), at = 1 }
    page.ways[job.id] = way
    page.looked = page.looked + #way.edges / 4
  end
  while way.edges[way.at] and isAhead(page, way.edges[way.at]) do way.at = way.at + 1 end
  local staying = {}
  for index = way.at, #way.edges do
    local edge = way.edges[index]
    if not isAhead(page, edge) then
      if not on[edge.id] then return E.load(edge.id) end
      staying[#staying + 1] = edge
    end
  end
  return nil, staying
end

-- Without members left it is the job itself. In a circle it is one that needs nothing more of the others, if any.
local function firstOf(last, staying)
  if E.isFinal(last) or #staying == 0 then return last end
  local open = false
  for _, edge in ipairs(staying) do
    local member = E.load(edge.id)
    if E.isFinal(member) then return member end
    open = open or edge.open
  end
  return not open and last or nil
end

-- Its members first, and theirs before them; up to one that stays.
function E.takeAfterMembers(page, job)
  page.looked = page.looked + 1
  local path, on = { job }, { [job.id] = 1 }
  while #path > 0 and #path < longestPath and not E.isFull(page) do
    local last = path[#path]
    if not mayLeave(page, last) then return end
    local member, staying = nextMember(page, last, on)
    if member then
      path[#path + 1] = member
      on[member.id] = #path
    else
      local first = firstOf(last, staying)
      if not first then return end
      mark(page, first)
      for index = #path, on[first.id], -1 do
        on[path[index].id] = nil
        path[index] = nil
      end
    end
  end
end
