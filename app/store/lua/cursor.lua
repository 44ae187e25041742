-- Move one cursor forward, never back.
-- KEYS  1 cursor   ARGV  1 channel  2 message
-- Returns 1 when it moved
--#include keys
--#include lib
if not newer(ARGV[2], redis.call('HGET', KEYS[1], ARGV[1])) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], 30 * DAY)
return 1
