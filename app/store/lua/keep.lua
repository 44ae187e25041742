-- Put items into one part of a bot's memory. Above its most, the oldest go (fields begin with snowflakes, so they sort by time).
-- KEYS  1 hash   ARGV  1 most items  2 items left after a clearing  3 expiry ms  4... field, JSON, field, JSON
-- Returns how many were cleared
--#include keys
--#include lib
for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if redis.call('HLEN', KEYS[1]) <= tonumber(ARGV[1]) then return 0 end
local fields = redis.call('HKEYS', KEYS[1])
table.sort(fields, function(a, b) return a ~= b and newer(b, a) end)
local cleared = #fields - tonumber(ARGV[2])
for i = 1, cleared do redis.call('HDEL', KEYS[1], fields[i]) end
return cleared
