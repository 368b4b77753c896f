-- ARGV: now, monotonic, then ids.
local answers = {}

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

for index = 3, #ARGV do
  local job = E.reach(ARGV[index])
  local answer = 'cancelled'
  if not job then
    answer = 'unknown'
  elseif E.isFinal(job) then
    answer = 'final'
  elseif job.state == 'u' then
    request(job)
    answer = 'cancelling'
  else
    E.finish(job, 'c')
    E.spreadMarked()
  end
  answers[#answers + 1] = answer
end
E.flush()
return answers
