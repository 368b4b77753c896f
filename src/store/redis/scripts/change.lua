-- ARGV: now, monotonic, change (JSON: rank, due, input, version); then ids.
local change, answers = cjson.decode(ARGV[3]), {}

local function changeDue(job, at)
  local later = at > now
  if job.state == 'b' then
    job.f.du = later and text(at) or nil
    if later then E.freeSlot(job) end
    return
  end
  if job.f.g and job.state == 'r' and not later then
    return E.moveInGroup(job, function() E.takeLastPlace(job) end)
  end
  E.withdraw(job)
  if later then
    E.schedule(job, at)
    E.freeSlot(job)
  else
    E.lineUp(job)
  end
end

for index = 4, #ARGV do
  local job = E.reach(ARGV[index])
  local answer = 'changed'
  if not job then
    answer = 'unknown'
  elseif not E.isWaiting(job) then
    answer = E.isFinal(job) and 'final' or 'running'
  else
    if change.input then
      job.input = change.input
      job.f.v = change.version or -1
    end
    if change.rank then E.changeRank(job, change.rank) end
    if change.due then changeDue(job, change.due.at or now + change.due.inMs) end
    E.touch(job)
    E.tell('changed', job)
  end
  answers[#answers + 1] = answer
end
E.flush()
return answers
