-- What a worker is told of a job besides its record: members, where they break off, steps, and the leader of its group.
function E.handOver(job)
  local members, rest = {}, ''
  if job.f.w then members, rest = E.members(job, 0, 1000000, 16 * 1024 * 1024) end
  local steps = job.f.sp and call('HGETALL', K .. 'steps:' .. job.seq) or {}
  return { members, rest, steps, job.leader or '' }
end
