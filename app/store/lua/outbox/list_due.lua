-- The channels in which a bot has something to deliver.
-- Returns {channel, due in ms (0: now), ...}
--#include keys clock
local found, prefix = {}, bot .. ':'
local due = redis.call('ZRANGE', keys.deliveries_due, 0, -1, 'WITHSCORES')
for i = 1, #due, 2 do
  if string.sub(due[i], 1, #prefix) == prefix then
    found[#found + 1] = string.sub(due[i], #prefix + 1)
    found[#found + 1] = math.max(0, tonumber(due[i + 1]) - now)
  end
end
return found
