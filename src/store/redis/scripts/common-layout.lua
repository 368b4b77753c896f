-- The form in which all is kept, and the oldest that its processes must know to work on it: `layout` and `form` (both, as they are
-- kept) stand before this, and `makes` where the script may be the first to write. Nothing is written where it is unknown.
local kept = call('HGET', K .. 'meta', 'layout')
if kept ~= form then
  local found, oldest = string.match(kept or '', '^(%d+) (%d+)$')
  if found and tonumber(oldest) > layout then return redis.error_reply('TOONEW ' .. found .. ' ' .. layout) end
  if found and tonumber(found) < layout or makes and not found then call('HSET', K .. 'meta', 'layout', form) end
end
