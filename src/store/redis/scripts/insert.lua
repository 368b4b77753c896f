-- Calls of jobs that ask for more than to be run. ARGV: now, monotonic, calls as JSON: how many jobs each
-- has; then id, rank, kind, input, extras, features (JSON or '') of each job.
local answers, at = {}, 1
local all, ids = {}, {}
for at = 4, #ARGV, 6 do
  local wanted = {
    id = ARGV[at], rank = tonumber(ARGV[at + 1]), kind = ARGV[at + 2], input = ARGV[at + 3], extras = ARGV[at + 4],
    features = ARGV[at + 5] == '' and {} or cjson.decode(ARGV[at + 5]),
  }
  if not knowsKinds(wanted) then return 'kinds' end
  all[#all + 1], ids[#ids + 1] = wanted, wanted.id
end
E.loadAll(ids)
for index, size in ipairs(cjson.decode(ARGV[3])) do
  local jobs = {}
  for job = 1, size do
    jobs[job] = all[at]
    at = at + 1
  end
  answers[index] = E.insertCall(jobs)
end
E.flush()
return answers
