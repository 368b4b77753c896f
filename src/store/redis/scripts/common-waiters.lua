-- Who waits for whom. An edge is open until its member is final; a waiter with no open edge moves on.
-- Edges and lists of waiters are named by the job's own number: ids may be used again.
--   edges:<waiter>     index -> open(0/1), otherwise(c/r), member's number(15), member's id
--   waiters:<member>   list of: waiter's number(15), index(9), waiter's id
local function edgesOf(job)
  if not job.f.w then return {} end
  local values, fields = {}, {}
  for index = 1, job.f.w do fields[index] = index - 1 end
  local raws, ids = readAll(K .. 'edges:' .. job.seq, fields), {}
  for index, raw in ipairs(raws) do
    -- A job that came from another store has none to members that were gone.
    if raw then
      local edge = { index = index - 1, marked = sub(raw, 1, 1) == '1', otherwise = sub(raw, 2, 2), seq = sub(raw, 3, 17), id = sub(raw, 18) }
      values[#values + 1], ids[#ids + 1] = edge, edge.id
    end
  end
  E.loadAll(ids)
  for _, edge in ipairs(values) do edge.open = edge.marked and E.isOpen(job, edge.id, edge.seq) end
  return values
end

-- Of an edge that stands as open: what has become of steps may have closed it.
function E.isOpen(job, memberId, memberSeq)
  if not job.f.pn then return false end
  local member = E.same(memberId, memberSeq)
  return not (member and member.step and member.ending)
end

E.edgesOf = edgesOf
local function edgeText(edge) return (edge.open and '1' or '0') .. edge.otherwise .. edge.seq .. edge.id end
local function write(job, edge) call('HSET', K .. 'edges:' .. job.seq, edge.index, edgeText(edge)) end

function E.addEdgeAt(job, member, edge, writes)
  edge.seq, edge.id = member.seq, member.id
  writes[#writes + 1] = edge.index
  writes[#writes + 1] = edgeText(edge)
  job.f.w = edge.index + 1
  E.nameNear(job, member, edge.index)
  call('RPUSH', K .. 'waiters:' .. member.seq, job.seq .. format('%09d', edge.index) .. job.id)
  if not member.f.wt then
    member.f.wt = 1
    E.touch(member)
  end
  if edge.open then job.f.pn = (job.f.pn or 0) + 1 end
  E.touch(job)
end

local function addEdge(job, member, otherwise, writes)
  E.addEdgeAt(job, member, { index = job.f.w or 0, open = not E.isFinal(member), otherwise = otherwise }, writes)
end

local function isThere(edge) return E.same(edge.id, edge.seq) end

-- Of a member that was moved nobody here knows whether it has ended.
local function mayEnd(edge)
  local member = isThere(edge) or E.departed[edge.id]
  return member and member.seq == edge.seq and not E.isFinal(member) or false
end

-- The first member whose end forbids this job to run.
function E.cancellingMember(job)
  for _, edge in ipairs(edgesOf(job)) do
    local member = edge.otherwise == 'c' and isThere(edge)
    if member and E.isFinal(member) and member.state ~= 's' then return edge.id end
  end
end

-- Makes a new job wait. Returns the first member that cancels it at once, if one does.
function E.waitFor(job, on, otherwise)
  local seen, writes, cancelledBy = {}, {}, nil
  E.loadAll(on)
  for _, id in ipairs(on) do
    if not seen[id] then
      seen[id] = true
      local member = E.member(id)
      addEdge(job, member, otherwise, writes)
      if otherwise == 'c' and E.isFinal(member) and member.state ~= 's' then cancelledBy = cancelledBy or id end
    end
  end
  setAll(K .. 'edges:' .. job.seq, writes)
  return cancelledBy
end

-- Makes a running job wait for jobs it has started, whatever becomes of them. Unknown ones are ignored.
function E.waitMore(job, on)
  local known, writes = {}, {}
  for _, edge in ipairs(edgesOf(job)) do
    known[edge.id .. edge.seq] = edge
    if edge.marked and not edge.open then write(job, edge) end
  end
  E.loadAll(on)
  for _, id in ipairs(on) do
    local member = E.member(id)
    local edge = member and known[id .. member.seq]
    if member and member ~= job and not edge then
      addEdge(job, member, 'r', writes)
      known[id .. member.seq] = { open = true }
    elseif edge and not edge.open and not E.isFinal(member) then
      edge.open, edge.otherwise = true, 'r'
      write(job, edge)
      job.f.pn = (job.f.pn or 0) + 1
    end
  end
  setAll(K .. 'edges:' .. job.seq, writes)
end

-- Lets a blocked job with nothing left to wait for go on: to its time, its lane or its line.
function E.moveOn(job)
  if job.state ~= 'b' or (job.f.pn or 0) > 0 or job.f.h then return end
  local due = job.f.du and tonumber(job.f.du)
  if due and due > now then return E.schedule(job, due) end
  E.lineUp(job)
  E.tell('ready', job)
end

-- One that waits for a time as well goes on before it.
function E.wake(job)
  if job.f.pn then return end
  E.withdraw(job)
  E.lineUp(job)
  E.tell('ready', job)
end

-- It waits for all that have not ended.
function E.openEdges(job)
  job.f.pn = nil
  for _, edge in ipairs(edgesOf(job)) do
    edge.open = mayEnd(edge)
    write(job, edge)
    if edge.open then job.f.pn = (job.f.pn or 0) + 1 end
  end
end

-- A job that has run and is started again by hand, or whose time has come before, waits for nothing more.
function E.closeEdges(job)
  for _, edge in ipairs(edgesOf(job)) do
    if edge.open then
      edge.open = false
      write(job, edge)
    end
  end
  job.f.pn = nil
end

-- Only a record that looks unfinished is read whole: of ten thousand waiters most have ended.
local function looksFinal(raw, run) return E.endingIn(run) or find('sfcx', sub(raw, 1, 1), 1, true) ~= nil end

local function anyUnfinished(entries, staying)
  local ids = {}
  for index, entry in ipairs(entries) do ids[index] = sub(entry, 25) end
  local raws, runs = drawers.readBoth(ids)
  for index, raw in ipairs(raws) do
    if E.jobs[ids[index]] or (raw and not looksFinal(raw, runs[index])) then
      local waiter = E.same(ids[index], sub(entries[index], 1, 15))
      if waiter and not E.isFinal(waiter) and not (staying and waiter.f.lv) then return true end
    end
  end
  return false
end

-- `staying`: by those that are not leaving for another store.
function E.neededByOthers(job, staying)
  if not job.f.wt then return false end
  local key = K .. 'waiters:' .. job.seq
  for from = 0, call('LLEN', key) - 1, 200 do
    if anyUnfinished(call('LRANGE', key, from, from + 199), staying) then return true end
  end
  return false
end

function E.endText(id, seq)
  local member = E.same(id, seq)
  if not member or not E.isFinal(member) then return '' end
  return '!' .. member.state .. (member.result or '') .. '\n' .. (member.f.e or '')
end

-- Final members in index order, of each its index, its id and how it ended; and where the next page begins.
function E.members(job, from, limit, bytes)
  local list, number, size, last = {}, 0, 0, (job.f.w or 0) - 1
  for first = from, last, 500 do
    local fields, indices, seqs, ids = {}, {}, {}, {}
    for index = first, math.min(first + 499, last) do fields[#fields + 1] = index end
    for at, raw in ipairs(readAll(K .. 'edges:' .. job.seq, fields)) do
      if raw then
        local place = #ids + 1
        indices[place], seqs[place], ids[place] = fields[at], sub(raw, 3, 17), sub(raw, 18)
      end
    end
    for at, ended in ipairs(endsOf(seqs, ids)) do
      if ended ~= '' then
        size = size + #ended + 100
        if number >= limit or size > bytes then return list, indices[at] end
        list[3 * number + 1], list[3 * number + 2], list[3 * number + 3] = indices[at], ids[at], ended
        number = number + 1
      end
    end
  end
  return list, ''
end
