-- Inserting with everything a job may ask for: each call is planned first and carried out only if nothing
-- in it is refused, so a refused call leaves no trace.
-- A wanted job: id, rank, kind, input, extras and features, as `features.ts` writes them.
local function moment(due) return due.at or now + due.inMs end

local function planKey(plan, wanted)
  local unique = wanted.features.u
  if not unique then return 'inserted' end
  local name = E.kind(wanted.kind).task .. '\n' .. unique.k
  local holder = plan.keys[name]
  if holder == nil then
    local id = E.keyHolder({ task = E.kind(wanted.kind).task, f = { u = unique } })
    local job = id and E.load(id)
    holder = id and { id = id, replaceable = job and E.isWaiting(job) and not job.f.lv }
  end
  if not holder then return 'inserted' end
  if unique.c == 'f' then return 'taken', holder.id end
  return unique.c == 'r' and holder.replaceable and 'replaced' or 'kept', holder.id
end

local function endsWaiters(plan, id)
  if plan.replaced[id] then return true end
  if plan.jobs[id] then return plan.jobs[id].cancelled end
  local member = E.member(id)
  return E.isFinal(member) and member.state ~= 's'
end

local function expect(plan, wanted)
  local after, unique, cancelled = wanted.features.af, wanted.features.u, false
  if after and after.o == 'c' then
    for _, id in ipairs(after.on) do cancelled = cancelled or endsWaiters(plan, id) end
  end
  plan.jobs[wanted.id] = { task = E.kind(wanted.kind).task, input = wanted.input, cancelled = cancelled }
  if not unique then return end
  local gone = cancelled and not tonumber(unique.s)
  plan.keys[E.kind(wanted.kind).task .. '\n' .. unique.k] = not gone and { id = wanted.id, replaceable = not cancelled }
end

-- Whether the job whose handler inserts it runs under this claim, and has not been told to end.
local function mayStart(by)
  local starter = E.load(by.id)
  return starter and starter.state == 'u' and tostring(starter.claim) == by.c and not starter.f.cr
end

local function planJob(plan, wanted)
  local by = wanted.features.sb
  if by and not mayStart(by) then return 'stale', by.id end
  local there = plan.jobs[wanted.id] or E.load(wanted.id)
  if there then
    local same = there.task == E.kind(wanted.kind).task and there.input == wanted.input
    return same and 'exists' or 'conflict', wanted.id
  end
  if E.departed[wanted.id] then return 'exists' end
  if wanted.features.af then
    E.loadAll(wanted.features.af.on)
    for _, id in ipairs(wanted.features.af.on) do
      if not plan.jobs[id] and not E.member(id) then return 'unknown', id end
    end
  end
  local outcome, other = planKey(plan, wanted)
  if outcome == 'replaced' then plan.replaced[other] = true end
  if outcome == 'inserted' or outcome == 'replaced' then expect(plan, wanted) end
  return outcome, other
end

local refusals = { conflict = true, unknown = true, taken = true, stale = true }

local function newJob(wanted)
  local features, f = wanted.features, {}
  local job = {
    id = wanted.id, state = 'b', at = nowText, place = E.newPlace(), rank = wanted.rank, kind = wanted.kind,
    input = wanted.input, extras = wanted.extras or '', f = f, step = E.newStep(),
  }
  local kind = E.kind(wanted.kind)
  job.seq, job.queue, job.task, job.keep = job.place, kind.queue, kind.task, kind
  f.on, f.s, f.x, f.h, f.hd = features.on, features.s, features.x, features.h, features.h
  f.u = features.u and { k = features.u.k, s = features.u.s }
  local lane = features.l or {}
  f.l, f.g, f.lo, f.r = not lane.g and lane.n or nil, lane.g and lane.n, lane.o, features.r and features.r.n
  f.pt = features.pt
  f.du, f.ex = features.due and text(moment(features.due)), features.ex and text(moment(features.ex))
  return job
end

-- Where a new job goes first: it waits for others, for its time, or stands ready.
local function place(job, after)
  local cancelledBy = after and E.waitFor(job, after.on, after.o)
  local due = job.f.du and tonumber(job.f.du)
  if not ((job.f.pn or 0) > 0 or job.f.h or cancelledBy) then
    if due and due > now then E.schedule(job, due) else E.lineUp(job, job.place) end
  end
  E.tell('enqueued', job)
  if cancelledBy then E.finish(job, 'c', { because = cancelledBy }) end
end

local function add(wanted)
  local job = newJob(wanted)
  local features = wanted.features
  local timed = job.f.du or job.f.ex
  local known = timed and E.firstMoment()
  E.jobs[job.id] = job
  E.added[#E.added + 1] = job.id
  E.count(job.queue, 'b', 1)
  E.countNamed(job, 1)
  E.indexTag(job)
  E.touch(job)
  if job.f.u then E.takeKey(job) end
  if job.f.l then E.setLane(features.l.n, features.l.s) end
  if job.f.g then E.setGroup(job, unpack(features.l.g)) end
  if features.r then E.setRate(features.r.n, features.r.t, features.r.p) end
  E.watchExpiry(job)
  place(job, features.af)
  if timed then E.wakeIfSooner(job.queue, known) end
end

local function carryOut(wanted, outcome, other)
  if outcome ~= 'inserted' and outcome ~= 'replaced' then return end
  local replaced = outcome == 'replaced' and E.load(other)
  if replaced then
    E.finish(replaced, 'c', { because = wanted.id })
    -- A key that holds for a time stays with its job when that ends; the one that replaces it takes it over.
    E.dropKey({ task = E.kind(wanted.kind).task, f = { u = wanted.features.u } })
  end
  add(wanted)
end

-- Answers a flat list: outcome and the other job's id, or ''.
function E.insertCall(jobs)
  local plan, outcomes, ids = { jobs = {}, replaced = {}, keys = {} }, {}, {}
  for index, wanted in ipairs(jobs) do ids[index] = wanted.id end
  E.loadAll(ids)
  for index, wanted in ipairs(jobs) do
    local outcome, other = planJob(plan, wanted)
    if refusals[outcome] then
      local refused = {}
      for at = 1, #jobs do
        refused[2 * at - 1] = at == index and outcome or 'companion'
        refused[2 * at] = at == index and other or ''
      end
      return refused
    end
    outcomes[2 * index - 1], outcomes[2 * index] = outcome, other or ''
  end
  for index, wanted in ipairs(jobs) do carryOut(wanted, outcomes[2 * index - 1], outcomes[2 * index]) end
  E.spreadMarked()
  return outcomes
end

-- Every job in order of insertion, for `find`.
E.added = {}
local flush = E.flush
function E.flush()
  if #E.added > 0 then
    push(K .. 'order', folded(E.added))
    call('HINCRBY', K .. 'meta', 'w', #E.added)
  end
  E.added = {}
  flush()
end
