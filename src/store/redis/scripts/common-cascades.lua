-- The end of a member, or its beginning anew, is marked at once and spread in bounded portions, so that no step has
-- ten thousand waiters to move. A mark: s(ucceeded), f (ended otherwise), o(pened again) or x (erased), the member's
-- number(15), from and to which of its waiters(15, 15), the member's id.
local atOnce = 200
-- An edge that leads nowhere is only glanced at, and costs a tenth.
local mostLooked = 10 * atOnce

local function textOf(kind, seq, from, to, id) return kind .. seq .. format('%015d%015d', from, to) .. id end

local function mark(kind, member)
  local last = call('LLEN', K .. 'waiters:' .. member.seq)
  if last == 0 then return end
  call('RPUSH', K .. 'cascades', textOf(kind, member.seq, 0, last, member.id))
  E.marked = true
end

function E.markWaiters(member, succeeded)
  if member.f.wt then mark(succeeded and 's' or 'f', member) end
end

-- A final job goes on: those that were cancelled because of it wait for it again.
function E.markReopened(member)
  if member.f.wt then mark('o', member) end
end

-- The list of waiters of a job that is erased goes once all that was marked before has been followed.
function E.forgetWaiters(member)
  call('RPUSH', K .. 'cascades', textOf('x', member.seq, 0, 0, member.id))
  E.marked = true
end

function E.blockAgain(job, memberId)
  if job.state ~= 'c' or job.f.b ~= memberId then return false end
  local other = E.cancellingMember(job)
  E.touch(job)
  if other then
    job.f.b = other
    return true
  end
  E.reopen(job)
  E.setState(job, 'b')
  E.openEdges(job)
  E.tell('blocked', job)
  E.markReopened(job)
  -- The member may have succeeded by now.
  E.moveOn(job)
  return true
end

-- False where it leads nowhere: since it was marked the member was retried, or has failed again, the waiter was removed, or
-- the edge counted.
local function follow(kind, memberSeq, memberId, entry)
  local job = E.same(sub(entry, 25), sub(entry, 1, 15))
  local member = E.same(memberId, memberSeq)
  local ended = not member or E.isFinal(member)
  if not job or job.f.lv then return false end
  if kind == 'o' then return (not ended or member and member.state == 's') and E.blockAgain(job, memberId) end
  if not ended then return false end

  local index = tonumber(sub(entry, 16, 24))
  local raw = call('HGET', K .. 'edges:' .. job.seq, index)
  if not raw or sub(raw, 1, 1) == '0' or not E.isOpen(job, memberId, memberSeq) then return false end
  call('HSET', K .. 'edges:' .. job.seq, index, '0' .. sub(raw, 2))
  job.f.pn = job.f.pn > 1 and job.f.pn - 1 or nil
  E.touch(job)
  if job.state == 'd' then E.wake(job) end
  if job.state ~= 'b' then return true end
  -- It may have been retried since, and have succeeded.
  if kind == 's' or sub(raw, 2, 2) == 'r' or (member and member.state == 's') then E.moveOn(job) else E.finish(job, 'c', { because = memberId }) end
  return true
end

-- Where all of them are steps that wait for this member alone, they go on without being looked at.
local function tellSteps(seq, id, entries, ids)
  local member, seqs = E.same(id, seq), {}
  if listened or (member and not E.isFinal(member)) then return false end
  for index, entry in ipairs(entries) do
    if E.jobs[ids[index]] ~= nil then return false end
    seqs[index] = sub(entry, 1, 15)
  end
  if not areBlocked(seqs, ids) then return false end
  for _, waiter in ipairs(ids) do
    local step = blocked[waiter]
    if step.open ~= 1 or step.edges ~= '1' then return false end
  end
  for _, waiter in ipairs(ids) do tellStep(waiter) end
  flushSteps()
  return true
end

local function tellAll(kind, seq, id, entries)
  local ids, told = {}, 0
  for index, entry in ipairs(entries) do ids[index] = sub(entry, 25) end
  if kind == 's' and tellSteps(seq, id, entries, ids) then return #entries end
  E.loadAll(ids)
  for _, entry in ipairs(entries) do
    if follow(kind, seq, id, entry) then told = told + 1 end
  end
  return told
end

-- Follows at most `limit` edges that still lead somewhere, first in, first out.
function E.spread(limit)
  local followed, looked = 0, 0
  limit = limit or atOnce
  while followed < limit and looked < math.max(limit, mostLooked) do
    local raw = call('LPOP', K .. 'cascades')
    if not raw then break end
    local kind, seq, id = sub(raw, 1, 1), sub(raw, 2, 16), sub(raw, 47)
    if kind == 'x' then call('DEL', K .. 'waiters:' .. seq) end
    local from, last = tonumber(sub(raw, 17, 31)), tonumber(sub(raw, 32, 46))
    local to = math.min(last, from + limit - followed)
    looked = looked + 1 + math.max(0, to - from)
    if to > from then followed = followed + tellAll(kind, seq, id, call('LRANGE', K .. 'waiters:' .. seq, from, to - 1)) end
    if to < last then call('LPUSH', K .. 'cascades', textOf(kind, seq, to, last, id)) end
  end
  E.marked, E.moreToSpread = false, looked >= math.max(limit, mostLooked)
  return followed
end

-- What this call has marked, as far as one call goes, however many jobs it is about.
local left = atOnce
function E.spreadMarked()
  if E.marked and left > 0 then left = left - E.spread(left) end
end
