-- ARGV: now, monotonic, change (JSON: rank, due, input, version); then ids.
local change = cjson.decode(ARGV[3])

local function changeDue(job, at)
  local later = at > now
  if job.state == 'b' then
    job.f.du = later and text(at) or nil
    if later then E.freeSlot(job) end
    return
  end
  if job.f.g and job.state == 'r' and not later then
    return E.moveInGroup(job, function()
      if not job.f.wd then E.takeLastPlace(job) end
    end)
  end
  if job.f.pn then E.closeEdges(job) end
  E.withdraw(job)
  if later then
    local known = E.firstMoment()
    E.schedule(job, at)
    E.wakeIfSooner(job.queue, known)
    E.freeSlot(job)
  else
    E.lineUp(job)
  end
end

return E.answerEach(4, 1, function(job)
  if not E.isWaiting(job) then return E.isFinal(job) and 'final' or 'running' end
  if change.input then
    job.input = change.input
    job.f.v = change.version or -1
  end
  if change.rank then E.changeRank(job, change.rank) end
  if change.due then changeDue(job, change.due.at or now + change.due.inMs) end
  E.touch(job)
  E.tell('changed', job)
  return 'changed'
end)
