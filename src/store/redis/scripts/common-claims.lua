-- Claiming jobs that have more to them than plain ones.

-- Takes a job that has more to it than a plain one. True if it was claimed.
function E.takeCareful(job, turn)
  job.out = true
  if E.isOverdue(job) then
    E.expire(job)
    turn.expired = turn.expired + 1
    return false
  end
  E.recordStart(job, turn.claim)
  if E.isSuspect(job) then
    call('SADD', K .. 'suspected:' .. turn.life, job.id)
  end
  local rate = E.rateOf(job)
  if rate then rate.out = rate.out - 1 end
  E.startRun(job, turn, job.f.g and job.id)
  return true
end

-- `leader`: of the group with which it is claimed.
function E.startRun(job, turn, leader)
  if job.step then E.touch(job) end
  E.suspendExpiry(job)
  E.freeKeyAtClaim(job)
  -- The record stays as it is: that the job runs stands in `running` alone.
  E.count(job.queue, 'r', -1)
  E.count(job.queue, 'u', 1)
  job.state, job.claim, job.careful, job.leader = 'u', turn.claim, true, leader
  E.running[job.id] = turn.claim .. '!' .. (leader or '')
  E.tell('started', job)
end

-- A job that may be what kills its workers is held one at a time, so that it convicts itself alone.
function E.takeSuspect(turn, queues)
  for _, queue in ipairs(queues) do
    if call('EXISTS', K .. 'suspects:' .. queue) == 1 then
      if call('SCARD', K .. 'suspected:' .. turn.life) > 0 then return end
      for _, id in ipairs(call('ZRANGE', K .. 'suspects:' .. queue, 0, 199)) do
        local job = E.load(id)
        local rate = E.rateOf(job)
        if not rate or hasToken(rate) then
          call('ZREM', K .. 'suspects:' .. queue, id)
          -- A suspect has started before and can no longer expire.
          E.takeCareful(job, turn)
          turn.ids[#turn.ids + 1], turn.found[#turn.found + 1] = id, job
          return
        end
      end
    end
  end
end
