-- A bot is about to say a line: nobody else may say it for it within a day.
-- KEYS  1 uttered   ARGV  1 line  2 expiry ms  3 most lines
-- Returns 1: it is new, 0: it was said within a day
--#include keys
--#include lib
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', int(now - tonumber(ARGV[2])))
local new = redis.call('ZADD', KEYS[1], 'NX', int(now), ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -tonumber(ARGV[3]) - 1)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return new
