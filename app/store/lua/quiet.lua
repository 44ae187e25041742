-- For how long channels have been quiet, as far as it is known here.
-- KEYS  1 the bot's cursor  2.. recent_bot_posts and last_human of each channel   ARGV  the channels
-- Returns ms of quiet for each channel
--#include keys
--#include lib
--#include opening
local found = {}
for i, channel in ipairs(ARGV) do
  local last = redis.call('ZRANGE', KEYS[2 * i], -1, -1, 'WITHSCORES')
  local heard = math.max(tonumber(last[2] or nil) or 0, snowflake_ms(redis.call('HGET', KEYS[2 * i + 1], '#last')),
    snowflake_ms(redis.call('HGET', KEYS[1], channel)))
  found[i] = math.max(0, now - heard)
end
return found
