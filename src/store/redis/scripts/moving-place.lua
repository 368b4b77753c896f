-- Adds jobs that have left another store. ARGV: now, monotonic; then id, ticket, rank, kind, created, state, input,
-- extras, features and what stands beside them (both JSON), result or '' of each.
local width, first = 11, 3
local answers, ids, names, asked = {}, {}, {}, {}
for at = first, #ARGV, width do
  local extra = cjson.decode(ARGV[at + 9])
  ids[#ids + 1], names[#names + 1] = ARGV[at], ARGV[at + 3]
  for _, kind in ipairs(extra.kinds) do names[#names + 1] = kind end
  asked[#asked + 1] = {
    id = ARGV[at], ticket = ARGV[at + 1], rank = tonumber(ARGV[at + 2]), kind = ARGV[at + 3], at = ARGV[at + 4],
    state = ARGV[at + 5], input = ARGV[at + 6], extras = ARGV[at + 7], f = cjson.decode(ARGV[at + 8]), beside = extra,
    result = ARGV[at + 10] ~= '' and ARGV[at + 10] or nil,
  }
end
for _, known in ipairs(readAll(K .. 'kinds', names)) do
  if not known then return 'kinds' end
end
E.loadAll(ids)

local tickets, came = E.ticketsFor(ids), {}
local function hasCome(index, id, ticket)
  if came[id] == ticket then return true end
  for _, day in ipairs(tickets) do
    if day[index] == ticket then return true end
  end
  return false
end

-- One that comes back has the number by which those that wait for it here know it, and a new place.
local function newJob(wanted)
  local kind = E.kind(wanted.kind)
  local job = {
    id = wanted.id, state = 'b', at = wanted.at, place = E.newPlace(), rank = wanted.rank, kind = wanted.kind,
    input = wanted.input, extras = wanted.extras, result = wanted.result, f = wanted.f,
    queue = kind.queue, task = kind.task, keep = kind,
  }
  local stub = E.departed[job.id]
  if stub then
    job.seq, job.f.q, job.f.wt = stub.seq, stub.seq, stub.f.wt
    E.departed[job.id] = nil
  else
    job.seq = job.place
    E.added[#E.added + 1] = job.id
  end
  E.jobs[job.id] = job
  E.count(job.queue, 'b', 1)
  E.countNamed(job, 1)
  E.indexTag(job)
  E.touch(job)
  return job
end

local function addPast(job, beside)
  local lists = { at = 'attempts:', lg = 'log:' }
  for field, name in pairs(lists) do
    if beside[field] then
      push(K .. name .. job.seq, beside[field])
      job.f[field] = 1
    end
  end
  if beside.sp then
    setAll(K .. 'steps:' .. job.seq, beside.sp)
    job.f.sp = 1
  end
  -- What is known here keeps its value.
  if beside.slots then E.knowLane(job.f.l, beside.slots) end
  if beside.group then E.knowGroup(job, unpack(beside.group)) end
  if beside.slot then E.takeSlot(job) end
  if beside.rate then E.knowRate(job.f.r, unpack(beside.rate)) end
  -- A key that somebody holds here is lost on the way, never the job.
  if beside.holds and not E.keyHolder(job) then E.holdKey(job, beside.holds) end
end

-- Answers the member that forbids it to run, if one does.
local function connect(job, members)
  local ended, missing, writes = nil, nil, {}
  for _, edge in ipairs(members) do
    local index, id, otherwise, open = unpack(edge)
    local member = E.member(id)
    local forbids = open == 1 and otherwise == 'c'
    if member then
      local final = E.isFinal(member)
      E.addEdgeAt(job, member, { index = index, open = open == 1 and not final, otherwise = otherwise }, writes)
      if forbids and final and member.state ~= 's' then ended = ended or id end
    elseif forbids then
      missing = missing or id
    end
  end
  setAll(K .. 'edges:' .. job.seq, writes)
  return ended or missing
end

-- While it was on its way, the member that had cancelled it may have been retried.
local function blockAgainIfRetried(job)
  if job.state ~= 'c' or not job.f.b then return end
  for _, edge in ipairs(E.edgesOf(job)) do
    if edge.id == job.f.b and edge.otherwise == 'c' then
      local member = E.member(edge.id)
      if member and not (E.isFinal(member) and member.state ~= 's') then E.blockAgain(job, edge.id) end
      return
    end
  end
end

local function beFinal(job, state)
  E.setState(job, state)
  E.keep(job, text(E.keptUntil(job)))
  -- Some may have been waiting here while it was away.
  E.markWaiters(job, state == 's')
  E.end_(job.id)
  blockAgainIfRetried(job)
end

-- One that waited for others and for a time, if all the others have ended before it came.
local function hasEnoughWaited(job, state, members)
  if state ~= 'd' or job.f.pn then return false end
  for _, edge in ipairs(members) do
    if edge[4] == 1 then return true end
  end
  return false
end

local function goWhereItWas(job, state, members)
  if find('sfcx', state, 1, true) then return beFinal(job, state) end
  E.watchExpiry(job)
  if state == 'r' or hasEnoughWaited(job, state, members) then
    E.lineUp(job, job.place)
  elseif state == 'd' then
    E.schedule(job, tonumber(job.f.du))
  end
  E.tell('enqueued', job)
end

local function place(index, wanted)
  if hasCome(index, wanted.id, wanted.ticket) then return 'placed' end
  local there = E.load(wanted.id)
  if there and (there.task ~= E.kind(wanted.kind).task or there.input ~= wanted.input) then return 'conflict' end
  came[wanted.id] = wanted.ticket
  if there then return 'there' end

  local job = newJob(wanted)
  addPast(job, wanted.beside)
  local forbidden = connect(job, wanted.beside.members)
  goWhereItWas(job, wanted.state, wanted.beside.members)
  if forbidden and job.state == 'b' then E.finish(job, 'c', { because = forbidden }) else E.moveOn(job) end
  E.spreadMarked()
  return 'placed'
end

for index, wanted in ipairs(asked) do answers[index] = place(index, wanted) end
local pairsOf = {}
for id, ticket in pairs(came) do
  pairsOf[#pairsOf + 1] = id
  pairsOf[#pairsOf + 1] = ticket
end
E.rememberTickets(pairsOf)
E.flush()
return answers
