-- ARGV: now, monotonic, then ids.
local answers = {}
for index = 3, #ARGV do
  local job = E.reach(ARGV[index])
  local answer = 'removed'
  if not job then
    answer = 'unknown'
  elseif job.state == 'u' then
    answer = 'running'
  else
    if not E.isFinal(job) then E.finish(job, 'c') end
    E.freeKey(job)
    E.erase(job)
    E.tell('removed', job)
    E.end_(job.id)
    forgetGone(job.id)
    E.spreadMarked()
  end
  answers[#answers + 1] = answer
end
E.flush()
return answers
