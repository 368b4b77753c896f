-- ARGV: now, monotonic, a spare id; then id and result of each.
E.spareId = ARGV[3]
local answers = {}
for at = 4, #ARGV, 2 do
  local job = E.reach(ARGV[at])
  local answer = 'released'
  if not job then
    answer = 'unknown'
  elseif job.state ~= 'b' or not job.f.h then
    answer = 'not held'
  else
    E.finishWith(job, 's', { result = ARGV[at + 1] })
    E.spreadMarked()
  end
  answers[#answers + 1] = answer
end
E.flush()
return answers
