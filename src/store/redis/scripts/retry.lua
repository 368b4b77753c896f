-- ARGV: now, monotonic, then ids.
local function startAnew(job)
  local f = job.f
  local neverStarted = not f.st
  E.reopen(job)
  f.a, f.c, f.st, f.p, f.wd = nil, nil, nil, nil, nil
  if f.hd then
    f.h = f.hd
    return E.setState(job, 'b')
  end
  if neverStarted then E.openEdges(job) else E.closeEdges(job) end
  if f.pn then return E.setState(job, 'b') end
  E.lineUp(job)
end

return E.answerEach(3, 1, function(job)
  if not E.isFinal(job) then return 'not final' end
  startAnew(job)
  E.tell('retried', job)
  E.markReopened(job)
  return 'retried'
end)
