-- The channels in which a bot has something to deliver.
-- KEYS  1 deliveries:due   ARGV  1 bot
-- Returns {channel, due in ms (0: now), ...}
--#include keys
--#include lib
local found, prefix = {}, ARGV[1] .. ':'
local due = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #due, 2 do
  if string.sub(due[i], 1, #prefix) == prefix then
    found[#found + 1] = string.sub(due[i], #prefix + 1)
    found[#found + 1] = math.max(0, tonumber(due[i + 1]) - now)
  end
end
return found
