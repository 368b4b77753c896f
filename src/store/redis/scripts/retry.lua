-- ARGV: now, monotonic, then ids.
local answers = {}

local function startAnew(job)
  local f = job.f
  E.reopen(job)
  f.a, f.c, f.st, f.p = nil, nil, nil, nil
  if f.hd then
    f.h = f.hd
    return E.setState(job, 'b')
  end
  E.closeEdges(job)
  E.lineUp(job)
end

for index = 3, #ARGV do
  local job = E.reach(ARGV[index])
  local answer = 'retried'
  if not job then
    answer = 'unknown'
  elseif not E.isFinal(job) then
    answer = 'not final'
  else
    startAnew(job)
    E.tell('retried', job)
    E.markReopened(job)
    E.spreadMarked()
  end
  answers[#answers + 1] = answer
end
E.flush()
return answers
