-- Time, and short names. ARGV[1] and ARGV[2] are wall and monotonic time where the caller keeps the
-- clock (tests); empty, the server's own clock is both.
local K = KEYS[1] .. ':'
local call, format, sub, find, byte = redis.call, string.format, string.sub, string.find, string.byte
local now, mono
if ARGV[1] == '' then
  local time = call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  mono = now
else
  now, mono = tonumber(ARGV[1]), tonumber(ARGV[2])
end
-- Whole numbers as text: Lua's own way rounds to 14 digits.
local function text(number) return format('%.0f', number) end
local nowText = text(now)
