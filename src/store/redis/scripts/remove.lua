-- ARGV: now, monotonic, then ids.
return E.answerEach(3, 1, function(job)
  if job.state == 'u' then return 'running' end
  if not E.isFinal(job) then E.finish(job, 'c') end
  E.freeKey(job)
  E.erase(job)
  E.tell('removed', job)
  E.end_(job.id)
  forgetGone(job.id)
  return 'removed'
end)
