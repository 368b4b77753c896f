-- Calls of jobs that ask for more than to be run. ARGV: now, monotonic, calls as JSON: how many jobs each
-- has; then id, rank, kind, input, extras, features (JSON or '') of each job.
local answers, at = {}, 4
for argument = 6, #ARGV, 6 do
  if call('HEXISTS', K .. 'kinds', ARGV[argument]) == 0 then return 'kinds' end
end
local ids = {}
for argument = 4, #ARGV, 6 do ids[#ids + 1] = ARGV[argument] end
E.loadAll(ids)
for index, size in ipairs(cjson.decode(ARGV[3])) do
  local jobs = {}
  for job = 1, size do
    jobs[job] = {
      id = ARGV[at], rank = tonumber(ARGV[at + 1]), kind = ARGV[at + 2], input = ARGV[at + 3], extras = ARGV[at + 4],
      features = ARGV[at + 5] == '' and {} or cjson.decode(ARGV[at + 5]),
    }
    at = at + 6
  end
  answers[index] = E.insertCall(jobs)
end
E.flush()
return answers
