-- For how long channels have been quiet, as far as it is known here.
-- `posts_and_people`: recent_bot_posts and last_human of each channel in turn. Returns ms of quiet for each channel
--#include discord
local found = {}
for i, channel in ipairs(channels) do
  local last = redis.call('ZRANGE', posts_and_people[2 * i - 1], -1, -1, 'WITHSCORES')
  local heard = math.max(tonumber(last[2] or nil) or 0, 
    written_ms(redis.call('HGET', posts_and_people[2 * i], '#last')),
    written_ms(redis.call('HGET', cursor, channel)))
  found[i] = math.max(0, now - heard)
end
return found
