-- Keep what people, channels and roles of a server are called.
-- KEYS  1 names   ARGV  1 days kept  2 number of ids to drop  3.. these ids, then id and name in turn
-- Returns 1
--#include keys
--#include lib
local drop = tonumber(ARGV[2])
for i = 3, 2 + drop do redis.call('HDEL', KEYS[1], ARGV[i]) end
for i = 3 + drop, #ARGV - 1, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[1]) * DAY) end
return 1
