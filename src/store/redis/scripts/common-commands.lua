-- The frame of commands that are given for jobs one by one: each is answered by `carryOut`, by 'unknown' where it is not there,
-- and sees what those before it have done. Ids stand in ARGV from `first` on, every `width`.
function E.answerEach(first, width, carryOut)
  local ids, answers = {}, {}
  for at = first, #ARGV, width do ids[#ids + 1] = ARGV[at] end
  E.loadAll(ids)
  for index, id in ipairs(ids) do
    local job = E.reach(id)
    answers[index] = job and carryOut(job, first + (index - 1) * width) or 'unknown'
    E.spreadMarked()
  end
  E.flush()
  return answers
end
