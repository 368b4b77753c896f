-- ARGV: now, monotonic, a spare id; then id and result of each.
E.spareId = ARGV[3]
return E.answerEach(4, 2, function(job, at)
  if job.state ~= 'b' or not job.f.h then return 'not held' end
  E.finishWith(job, 's', { result = ARGV[at + 1] })
  return 'released'
end)
