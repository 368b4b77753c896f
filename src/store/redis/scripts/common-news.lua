-- What is told of jobs, and the one place where a state changes. Everything is written at the end of the call.
E.count, E.tally, E.kind, E.claim, E.unclaim, E.firstMoment = count, tally, kindOf, claimOf, unclaim, firstMoment

function E.setState(job, state)
  count(job.queue, job.state, -1)
  count(job.queue, state, 1)
  if job.f.l then E.noteKeptSlot(job, state) end
  if job.f.l or job.f.g or job.f.r then E.countUnfinished(job, (E.isFinal(job) and 1 or 0) - (find('sfcx', state, 1, true) and 1 or 0)) end
  job.state = state
  E.touch(job)
end

function E.keep(job, till) kept[job.id] = till end

function E.arrive(queue) arrived[queue] = true end

-- What falls due so soon may come before anybody looks again: whoever sleeps must hear of it where it has changed what comes
-- first; `known` is what did before. As in `soon.ts`.
local soonMs = 1500
function E.wakeIfSooner(queue, known)
  local first = E.firstMoment()
  if first < known and first <= now + soonMs then E.arrive(queue) end
end

function E.end_(id) ended[#ended + 1] = id end

function E.attempt(job) return (job.f.a or 0) + (job.state == 'u' and 1 or 0) end

-- `more` names a further field and `value` is its text.
function E.tell(kind, job, more, value)
  if listened then tell(kind, job.id, job.kind, job.state, E.attempt(job), job.extras, more, value) end
end

function E.flush()
  E.flushJobs()
  E.flushNamed()
  flushCounts()
end
