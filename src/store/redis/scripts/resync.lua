-- ARGV: now, monotonic, incarnation. A turn sent before this carries an older epoch, and acts no more.
local life = E.life(ARGV[3])
if not life then return 'gone' end
life.epoch = life.epoch + 1
E.writeLife(life)
local held, messages = {}, {}
for index, job in ipairs(E.heldBy(life.id)) do
  held[index] = { job.id, E.record(job), job.claim, E.handOver(job) }
end
for index, each in ipairs(E.messages(life.id, true)) do messages[index] = each.body end
return { text(life.epoch), held, messages }
