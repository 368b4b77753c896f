-- What a worker is told of a job besides its record: members, where they break off, steps, and the leader of its group.
local mostMembers, mostBytes = 500, 4 * 1024 * 1024

function E.handOver(job)
  local members, rest = {}, ''
  if job.f.w then members, rest = E.members(job, 0, mostMembers, mostBytes) end
  local steps = job.f.sp and call('HGETALL', K .. 'steps:' .. job.seq) or {}
  return { members, rest, steps, job.leader or '' }
end
