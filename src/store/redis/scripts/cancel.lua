-- ARGV: now, monotonic, then ids.
local function request(job)
  if job.f.cr then return end
  job.f.cr = now
  E.touch(job)
  local known = E.claim(job.claim)
  if known and call('HEXISTS', K .. 'lives', known.life) == 1 then
    call('RPUSH', K .. 'cancels:' .. known.life, job.claim .. ':' .. job.id)
    E.callLife(known.life)
  end
  E.tell('cancelling', job)
end

return E.answerEach(3, 1, function(job)
  if E.isFinal(job) then return 'final' end
  if job.state == 'u' then
    request(job)
    return 'cancelling'
  end
  E.finish(job, 'c')
  return 'cancelled'
end)
