-- Everything that only reads, and small things beside. ARGV: now, monotonic, what, and its own.
local what = ARGV[3]

-- A job as it is told to readers: id, record, and of a running one claim, incarnation and start.
local function shown(id)
  local job = E.load(id)
  if not job then return { id } end
  if job.state ~= 'u' then return { id, E.record(job) } end
  local known = E.claim(job.claim)
  return { id, E.record(job), job.claim, known.life, known.at }
end

local function shownOrGone(id)
  local answer = shown(id)
  if #answer == 1 and (E.departed[id] or isGone(id)) then answer = { id, 'gone' } end
  return answer
end

local function showAll(from)
  local ids, answers = {}, {}
  for index = from, #ARGV do ids[#ids + 1] = ARGV[index] end
  E.loadAll(ids)
  for index, id in ipairs(ids) do answers[index] = shownOrGone(id) end
  return answers
end

if what == 'now' then return nowText end
if what == 'get' then return showAll(4) end
if what == 'snapshot' then return { call('HGET', K .. 'meta', 'e') or '0', showAll(4) } end

-- Registers a waiter for the ends of these jobs, unless some have ended. ARGV[4]: its handle.
if what == 'settled' then
  local answers, open = showAll(5), {}
  for _, answer in ipairs(answers) do
    local job = E.load(answer[1])
    if job and not E.isFinal(job) then open[#open + 1] = job.id end
  end
  for index, known in ipairs(readAll(K .. 'watch', open)) do
    if not known or not find(' ' .. known .. ' ', ' ' .. ARGV[4] .. ' ', 1, true) then
      call('HSET', K .. 'watch', open[index], known and (known .. ' ' .. ARGV[4]) or ARGV[4])
    end
  end
  return answers
end

if what == 'kinds' then return call('HMGET', K .. 'kinds', unpack(ARGV, 4)) end

if what == 'history' then
  local job = E.load(ARGV[4])
  if not job then return false end
  return { call('LRANGE', K .. 'attempts:' .. job.seq, 0, -1), call('LRANGE', K .. 'log:' .. job.seq, 0, -1) }
end

if what == 'members' then
  local job = E.load(ARGV[4])
  if not job then return { {}, '' } end
  local members, rest = E.members(job, tonumber(ARGV[5]), 500, 4 * 1024 * 1024)
  return { members, rest }
end

-- ARGV: before which position, how many to look at, number of the last job that was shown or ''. Answers the jobs and the position where it ended, 0 at the oldest.
if what == 'find' then
  local ids, positions, older = E.orderBefore(tonumber(ARGV[4]), tonumber(ARGV[5]))
  local answers = {}
  E.loadAll(ids)
  -- Numbers fall from newest to oldest. One that rises is that of an id used again, which stands at its later place.
  local lastSeq = ARGV[6] == '' and '999999999999999' or ARGV[6]
  for index, id in ipairs(ids) do
    local job = E.load(id)
    if job and job.seq < lastSeq then
      lastSeq = job.seq
      answers[#answers + 1] = { text(positions[index]), job.seq, shown(id) }
    end
  end
  return { answers, older and text(positions[#positions]) or '0', lastSeq }
end

-- ARGV: an indexed tag, before which number or '', how many. Answers the jobs with their numbers.
if what == 'tagged' then
  local before = ARGV[5] == '' and '+inf' or '(' .. ARGV[5]
  local flat, ids, answers = call('ZREVRANGEBYSCORE', K .. 'tagged:' .. ARGV[4], before, '-inf', 'WITHSCORES', 'LIMIT', 0, tonumber(ARGV[6])), {}, {}
  for index = 1, #flat, 2 do ids[#ids + 1] = flat[index] end
  E.loadAll(ids)
  for index, id in ipairs(ids) do answers[index] = { flat[2 * index], shown(id) } end
  return answers
end

local function isNamed(field) return call('HEXISTS', K .. 'unfinished', field) == 1 end

-- Name, slots, taken, waiting, tokens, perMs, free, for how long it is closed, pinned.
local function limitShown(name)
  local slots, lanePinned = E.laneOf(name)
  local tokens, perMs, closed, ratePinned = E.rate(name)
  local row, shut = { name, '', '', '', '', '', '', '', (lanePinned or ratePinned) and 1 or 0 }, closed and closed > now
  local known = laneNamed(name)
  local lane, waiting, gathering = slots and (lanePinned or known.unfinished > 0), 0, false
  for _, queue in ipairs(call('SMEMBERS', K .. 'gathers:' .. name)) do
    local group = name .. '\n' .. queue
    if isNamed('g' .. group) then
      gathering = true
      waiting = waiting + call('ZCARD', K .. 'group:' .. group) + call('HEXISTS', K .. 'leaders', group)
    end
  end
  local starts = tokens and tokens - unusedTokens(rateNamed(name))
  local rate = tokens and (ratePinned or shut or starts > 0 or rateNamed(name).unfinished > 0)
  if lane then row[2], row[3], waiting = slots, known.taken, waiting + known.parked end
  if lane or gathering then row[4] = waiting end
  if rate then row[5], row[6], row[7], row[8] = tokens, perMs, shut and 0 or math.max(0, tokens - starts), shut and closed - now or '' end
  return (lane or rate or gathering) and row
end

-- ARGV: behind which name or '', how they begin, how many. Answers them, and where to go on or ''.
if what == 'limits' then
  local rows, prefix, from = {}, ARGV[5], '-'
  if ARGV[5] ~= '' then from = '[' .. ARGV[5] end
  if ARGV[4] ~= '' and ARGV[4] >= ARGV[5] then from = '(' .. ARGV[4] end
  local names = call('ZRANGEBYLEX', K .. 'limits', from, '+', 'LIMIT', 0, 200)
  for _, name in ipairs(names) do
    if sub(name, 1, #prefix) ~= prefix or #rows >= tonumber(ARGV[6]) then return { rows, '' } end
    local row = limitShown(name)
    if row then rows[#rows + 1] = row end
  end
  return { rows, #names == 200 and names[200] or '' }
end

if what == 'counts' then return { call('HGETALL', K .. 'counts'), call('HGETALL', K .. 'queues') } end

if what == 'stats' then
  local rows = {}
  for _, minute in ipairs(call('ZRANGEBYSCORE', K .. 'minutes', ARGV[4], ARGV[5])) do
    rows[#rows + 1] = { minute, call('HGETALL', K .. 'minute:' .. minute) }
  end
  return rows
end

if what == 'workers' then
  local rows = {}
  for index, life in ipairs(E.lives()) do
    local running = 0
    for _, claim in ipairs(call('SMEMBERS', K .. 'held:' .. life.id)) do
      running = running + tonumber(call('HGET', K .. 'left', claim) or '0')
    end
    rows[index] = { life.id, call('HGET', K .. 'workers', life.id), format('%.17g', math.max(0, life.deadline - mono)), running }
  end
  return rows
end
return false
