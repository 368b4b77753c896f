-- ARGV: now, monotonic, incarnation.
local me = ARGV[3]
if not E.life(me) then return 'gone' end
local held = E.heldBy(me)
-- As in a rescue: the first to come back may lead the others.
table.sort(held, function(a, b) return a.seq < b.seq end)
for _, job in ipairs(held) do E.takeBack(job, 0) end
E.markGone(me)
E.spreadMarked()
E.flush()
return 'left'
