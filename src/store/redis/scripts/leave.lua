-- ARGV: now, monotonic, incarnation.
local me = ARGV[3]
if not E.life(me) then return 'gone' end
for _, job in ipairs(E.heldBy(me)) do E.takeBack(job, 0) end
E.markGone(me)
E.spreadMarked()
E.flush()
return 'left'
