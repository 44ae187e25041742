-- Give the delivery lease back, and say when this channel's outbox is due again.
-- Returns 1: more is waiting now, 0: empty, retried later, or the lease was lost
--#include keys clock values
if redis.call('GET', delivery) ~= owner then return 0 end
redis.call('DEL', delivery)
if redis.call('LLEN', outbox) == 0 then
  redis.call('ZREM', keys.deliveries_due, pair)
  return 0
end
redis.call('ZADD', keys.deliveries_due, int(now + retry_ms), pair)
return retry_ms == 0 and 1 or 0
