-- Give the delivery lease back, and say when this channel's outbox is due again. `served`: the entry with which the lease ends;
-- while this is still the head its delivery was not recorded, and nothing is given back.
-- Returns 1: more is waiting now, 0: empty, retried later, or the lease was lost, -1: kept
--#include keys clock values
if redis.call('GET', delivery) ~= owner then return 0 end
if served ~= '' and redis.call('LINDEX', outbox, 0) == served then return -1 end
redis.call('DEL', delivery)
if redis.call('LLEN', outbox) == 0 then
  redis.call('ZREM', keys.deliveries_due, pair)
  return 0
end
redis.call('ZADD', keys.deliveries_due, int(now + retry_ms), pair)
return retry_ms == 0 and 1 or 0
