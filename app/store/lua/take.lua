-- Take the delivery lease of one bot in one channel.
-- KEYS  1 delivery lease   ARGV  1 owner  2 lease ms
-- Returns 1: taken or already mine, 0: another delivers
--#include keys
--#include lib
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
