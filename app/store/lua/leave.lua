-- Give the delivery lease back, and say when this channel's outbox is due again.
-- KEYS  1 delivery lease  2 outbox  3 deliveries:due   ARGV  1 owner  2 bot:channel  3 retry in ms
-- Returns 1: more is waiting now, 0: empty, retried later, or the lease was lost
--#include keys
--#include lib
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if redis.call('LLEN', KEYS[2]) == 0 then
  redis.call('ZREM', KEYS[3], ARGV[2])
  return 0
end
redis.call('ZADD', KEYS[3], int(now + tonumber(ARGV[3])), ARGV[2])
return tonumber(ARGV[3]) == 0 and 1 or 0
