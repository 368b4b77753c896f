-- ARGV: now, monotonic, incarnation; then kind, id, claim, name (of a step), text of each report.
local answers = {}
local alive = call('HEXISTS', K .. 'lives', ARGV[3]) == 1
for at = 4, #ARGV, 5 do
  local kind, id, claim, name, value = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local job = alive and E.fenced(ARGV[3], id, claim)
  local answer = 'written'
  if not job then
    answer = 'stale'
  elseif kind == 'step' then
    -- The first result of a step is the one that later attempts rely on.
    if call('HSETNX', K .. 'steps:' .. job.seq, name, value) == 0 then answer = 'duplicate' end
    if not job.f.sp then
      job.f.sp = 1
      E.touch(job)
    end
  elseif kind == 'progress' then
    job.f.p = value
    E.touch(job)
    E.tell('progress', job, 'progress', value)
  else
    call('RPUSH', K .. 'log:' .. job.seq, value)
    if not job.f.lg then
      job.f.lg = 1
      E.touch(job)
    end
    E.tell('log', job, 'line', value)
  end
  answers[#answers + 1] = answer
end
E.flush()
return answers
